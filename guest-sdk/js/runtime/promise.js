// Promises whose jobs the SDK runs: a handler is called synchronously, and nobody else would run them.
//
// As ECMA-262 has them (27.2): one queue of jobs, a thenable is called in a job of its own. Subclasses are not made
// with `Symbol.species`.

let jobs = [];
let timers = [];
let nextTimer = 1;
const unhandled = new Set();

/** Adds a job; jobs run in the order they were added. */
export function queueMicrotask(job) {
  if (typeof job !== "function") throw new TypeError("a job is a function");
  jobs.push(job);
}

/** Runs jobs until none is left, then the timers that were set, one after another, with their jobs. */
export function runJobs() {
  do {
    for (let at = 0; at < jobs.length; at += 1) {
      const job = jobs[at];
      jobs[at] = undefined;
      job();
    }
    jobs = [];
    const timer = timers.shift();
    if (timer) timer.call();
  } while (jobs.length > 0 || timers.length > 0);
}

/** The reasons of promises that were rejected and that nobody looked at; each is told once. */
export function takeUnhandled() {
  const reasons = [...unhandled].map((promise) => promise._value);
  unhandled.clear();
  return reasons;
}

/** Calls the function once all jobs are done. Time does not pass while a handler waits, so only 0 ms can be waited. */
export function setTimeout(call, delay = 0, ...given) {
  if (Number(delay) > 0) {
    throw new Error(
      `setTimeout(..., ${delay}): a handler cannot wait; answer \`sleep(ms, phase, state)\` and go on at the phase`,
    );
  }
  const timer = { id: nextTimer, call: () => call(...given) };
  nextTimer += 1;
  timers.push(timer);
  return timer.id;
}

/** Takes a timer back. */
export function clearTimeout(id) {
  timers = timers.filter((timer) => timer.id !== id);
}

export class Promise {
  constructor(executor) {
    if (typeof executor !== "function") throw new TypeError("a Promise is made with a function");
    this._state = "pending";
    this._value = undefined;
    this._reactions = [];
    const { resolve, reject } = resolvers(this);
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  then(onFulfilled, onRejected) {
    const { promise, resolve, reject } = Promise.withResolvers();
    react(this, {
      fulfilled: reaction(onFulfilled, resolve, resolve, reject),
      rejected: reaction(onRejected, reject, resolve, reject),
    });
    return promise;
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(onFinally) {
    if (typeof onFinally !== "function") return this.then(onFinally, onFinally);
    return this.then(
      (value) => Promise.resolve(onFinally()).then(() => value),
      (reason) =>
        Promise.resolve(onFinally()).then(() => {
          throw reason;
        }),
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }

  static get [Symbol.species]() {
    return this;
  }

  static resolve(value) {
    if (value instanceof Promise) return value;
    return new Promise((resolve) => resolve(value));
  }

  static reject(reason) {
    return new Promise((_, reject) => reject(reason));
  }

  static try(call, ...given) {
    return new Promise((resolve) => resolve(call(...given)));
  }

  static withResolvers() {
    let found;
    const promise = new Promise((resolve, reject) => {
      found = { resolve, reject };
    });
    return { promise, ...found };
  }

  static all(promises) {
    return new Promise((resolve, reject) => {
      each(promises, resolve, (set, promise) => promise.then(set, reject));
    });
  }

  static allSettled(promises) {
    return new Promise((resolve) => {
      each(promises, resolve, (set, promise) =>
        promise.then(
          (value) => set({ status: "fulfilled", value }),
          (reason) => set({ status: "rejected", reason }),
        ),
      );
    });
  }

  static any(promises) {
    return new Promise((resolve, reject) => {
      const allRejected = (errors) => reject(new AggregateError(errors, "All promises were rejected"));
      each(promises, allRejected, (set, promise) => promise.then(resolve, set));
    });
  }

  static race(promises) {
    return new Promise((resolve, reject) => {
      for (const promise of promises) Promise.resolve(promise).then(resolve, reject);
    });
  }
}

/** Collects one value of each promise at its index, and hands all of them over with the last one. */
function each(promises, done, watch) {
  const values = [];
  let left = 1;
  const one = () => {
    left -= 1;
    if (left === 0) done(values);
  };
  let index = 0;
  for (const promise of promises) {
    const at = index;
    index += 1;
    left += 1;
    values[at] = undefined;
    let isSet = false;
    const set = (value) => {
      if (isSet) return;
      isSet = true;
      values[at] = value;
      one();
    };
    watch(set, Promise.resolve(promise));
  }
  one();
}

/** The two functions that settle a promise; only the first call of either counts. */
function resolvers(promise) {
  let isResolved = false;
  const once = (settle) => (value) => {
    if (isResolved) return;
    isResolved = true;
    settle(value);
  };
  return {
    resolve: once((value) => resolvePromise(promise, value)),
    reject: once((reason) => settle(promise, "rejected", reason)),
  };
}

function resolvePromise(promise, value) {
  if (value === promise) {
    settle(promise, "rejected", new TypeError("a Promise cannot be resolved with itself"));
    return;
  }
  if (value === null || (typeof value !== "object" && typeof value !== "function")) {
    settle(promise, "fulfilled", value);
    return;
  }
  let then;
  try {
    then = value.then;
  } catch (error) {
    settle(promise, "rejected", error);
    return;
  }
  if (typeof then !== "function") {
    settle(promise, "fulfilled", value);
    return;
  }
  queueMicrotask(() => {
    const { resolve, reject } = resolvers(promise);
    try {
      then.call(value, resolve, reject);
    } catch (error) {
      reject(error);
    }
  });
}

function settle(promise, state, value) {
  const reactions = promise._reactions;
  promise._state = state;
  promise._value = value;
  promise._reactions = undefined;
  if (state === "rejected" && reactions.length === 0) unhandled.add(promise);
  for (const reaction of reactions) queueMicrotask(() => reaction[state](value));
}

function react(promise, reaction) {
  if (promise._state === "pending") {
    promise._reactions.push(reaction);
    return;
  }
  unhandled.delete(promise);
  const { _state: state, _value: value } = promise;
  queueMicrotask(() => reaction[state](value));
}

function reaction(handler, pass, resolve, reject) {
  if (typeof handler !== "function") return pass;
  return (value) => {
    let answer;
    try {
      answer = handler(value);
    } catch (error) {
      reject(error);
      return;
    }
    resolve(answer);
  };
}

// The bundler may have given it another name.
Object.defineProperty(Promise, "name", { value: "Promise" });
