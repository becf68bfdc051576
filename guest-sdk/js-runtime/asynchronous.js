// What async functions are lowered onto: generators, which yield what they wait for, on the SDK's promises.
import { Promise } from "../js/runtime/promise.js";

/** Runs the body of an async function. */
export function async(self, given, body) {
  return new Promise((resolve, reject) => {
    const generator = body.apply(self, given);
    const next = (value) => step("next", value);
    const fail = (reason) => step("throw", reason);
    const step = (verb, value) => {
      let answer;
      try {
        answer = generator[verb](value);
        if (!answer.done) Promise.resolve(answer.value).then(next, fail);
      } catch (reason) {
        reject(reason);
        return;
      }
      if (answer.done) resolve(answer.value);
    };
    next();
  });
}

/** What the body of an async generator yields where it waits, and does not answer. */
class Wait {
  constructor(value) {
    this.value = value;
  }
}

/** `await` in an async generator. */
export function wait(value) {
  return new Wait(value);
}

/** An async generator of a body. */
export function generate(self, given, body) {
  return new AsyncGenerator(body.apply(self, given));
}

/** As ECMA-262 has it (27.6): what is asked meanwhile waits its turn. */
class AsyncGenerator {
  #body;
  #asked = [];

  constructor(body) {
    this.#body = body;
  }

  next(value) {
    return this.#ask("next", value);
  }

  throw(reason) {
    return this.#ask("throw", reason);
  }

  return(value) {
    return this.#ask("return", value);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #ask(verb, value) {
    return new Promise((resolve, reject) => {
      this.#asked.push({ verb, value, resolve, reject });
      if (this.#asked.length === 1) this.#serve();
    });
  }

  #serve() {
    const { verb, value } = this.#asked[0];
    // What `return` is given is waited for first.
    if (verb === "return") this.#await(value, "return");
    else this.#step(verb, value);
  }

  #step(verb, given) {
    let step;
    try {
      step = this.#body[verb](given);
    } catch (reason) {
      this.#answer("reject", reason);
      return;
    }
    const { done, value } = step;
    if (done) this.#answer("resolve", { value, done });
    else if (value instanceof Wait) this.#await(value.value, "next");
    else this.#then(value, (value) => this.#answer("resolve", { value, done }));
  }

  #await(value, verb) {
    this.#then(value, (value) => this.#step(verb, value));
  }

  #then(value, call) {
    Promise.resolve(value).then(call, (reason) => this.#step("throw", reason));
  }

  #answer(verb, value) {
    this.#asked.shift()[verb](value);
    if (this.#asked.length > 0) this.#serve();
  }
}

/** A `for await`: `for (; loop.take(yield loop.next()); ) { value = loop.value; ... }`, closed when it is left. */
export function loop(iterable, wait) {
  return new Loop(iterable, wait ?? ((value) => value));
}

class Loop {
  #iterator;
  #next;
  #wait;
  #isInside = false;
  /** Whether it is left by an error, which is more important than one of closing. */
  failed = false;

  constructor(iterable, wait) {
    const make = iterable[Symbol.asyncIterator];
    this.#iterator = make === undefined || make === null ? settling(iterable[Symbol.iterator]()) : make.call(iterable);
    this.#next = this.#iterator.next;
    this.#wait = wait;
  }

  next() {
    this.#isInside = false;
    return this.#wait(this.#next.call(this.#iterator));
  }

  take(step) {
    mustBeObject(step);
    if (step.done) return false;
    this.value = step.value;
    this.#isInside = true;
    return true;
  }

  *close() {
    if (!this.#isInside) return;
    let step;
    try {
      const close = this.#iterator.return;
      if (close === undefined || close === null) return;
      step = yield this.#wait(close.call(this.#iterator));
    } catch (reason) {
      if (this.failed) return;
      throw reason;
    }
    if (!this.failed) mustBeObject(step);
  }
}

/** An iterator of promises, or of anything, as one that is waited for. */
function settling(iterator) {
  const settled = (step) => Promise.resolve(step.value).then((value) => ({ done: step.done, value }));
  return {
    next: () => Promise.try(() => settled(iterator.next())),
    return: () => Promise.try(() => (iterator.return ? settled(iterator.return()) : { done: true, value: undefined })),
  };
}

function mustBeObject(step) {
  if (Object(step) !== step) throw new TypeError("an iterator answers objects");
}

/** `super[key]` where only the function that has it can reach it. */
export function reference(get, set) {
  return {
    get value() {
      return get();
    },
    set value(value) {
      set(value);
    },
  };
}
