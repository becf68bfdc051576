// What a handler can ask about its attempt.
import { host } from "./host.js";
import { parse } from "./json.js";

/** The attempt a handler runs in. What it was given is a member, read when it is first asked for; what may change is a method. */
export class Context {
  #known = {};

  constructor() {
    const { traceparent, ...task } = host.context.task();
    Object.assign(this, task, { traceparent: traceparent ?? undefined });
  }

  get isLastAttempt() {
    return this.attempt >= this.maxAttempts;
  }

  get flowInput() {
    return this.#once("flowInput", () => parse(host.context.flowInput()));
  }

  get state() {
    return this.#once("state", () => {
      const state = host.context.state();
      return state === null || state === undefined ? undefined : parse(state);
    });
  }

  get awaited() {
    return this.#once("awaited", () => host.context.awaited().map(signal));
  }

  get inbox() {
    return this.#once("inbox", () => host.context.inbox().map(signal));
  }

  get children() {
    return this.#once("children", () => host.context.children().map(child));
  }

  cancelled() {
    return host.context.cancelled();
  }

  remainingMs() {
    return Number(host.context.remainingMs());
  }

  #once(name, read) {
    if (!(name in this.#known)) this.#known[name] = read();
    return this.#known[name];
  }
}

function signal({ id, name, payload }) {
  return { id: Number(id), name, payload: parse(payload) };
}

function child({ runId, key, status, output, error }) {
  return {
    runId,
    key: key ?? undefined,
    status,
    output: output === null || output === undefined ? undefined : parse(output),
    error: error ?? undefined,
  };
}
