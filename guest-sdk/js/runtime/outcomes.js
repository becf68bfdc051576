// What an attempt of a durable handler ends in.
import { ConfigurationError, HandlerError } from "./errors.js";
import { Unwritable, write } from "./json.js";
import { wholeMs, wireError } from "./wire.js";

/** What follows from an attempt: made by the functions here, answered by the handler. */
export class Outcome {
  constructor(tag, val) {
    this.tag = tag;
    this.val = val;
  }
}

/** The task is done, with this output: the same as answering the output itself. */
export function complete(output) {
  return new Outcome("complete", text(output, "the output"));
}

/** Commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there. */
export function next(phase, state = null) {
  return new Outcome("next", { phase: word(phase, "the phase"), state: text(state, "the state") });
}

/** Tries the same phase again; it counts as an attempt. What was awaited stays in the inbox. */
export function retry({ state, afterMs } = {}) {
  return new Outcome("retry", {
    state: state === undefined ? null : text(state, "the state"),
    afterMs: afterMs === undefined ? null : wholeMs(afterMs),
  });
}

/** Waits, holding nothing, then goes on at the phase. A year is the most. */
export function sleep(forMs, phase, state = null) {
  return new Outcome("sleep", { phase: word(phase, "the phase"), state: text(state, "the state"), forMs: wholeMs(forMs) });
}

/** Waits, holding nothing, until any of these signals is in the run's inbox, then goes on at the phase. */
export function awaitSignals(names, phase, state = null, { timeoutMs } = {}) {
  return new Outcome("await-signals", {
    names: (typeof names === "string" ? [names] : [...names]).map((name) => word(name, "a signal's name")),
    phase: word(phase, "the phase"),
    state: text(state, "the state"),
    timeoutMs: timeoutMs === undefined ? null : wholeMs(timeoutMs),
  });
}

/** Starts child runs and waits, holding nothing, until all of them ended; then goes on at the phase. */
export function spawn(children, phase, state = null) {
  const start = ({ flow, input = null, key }) => ({
    flow: word(flow, "a child's flow"),
    input: text(input, "a child's input"),
    key: key === undefined ? null : word(key, "a child's key"),
  });
  return new Outcome("spawn", { children: [...children].map(start), phase: word(phase, "the phase"), state: text(state, "the state") });
}

/** The step is skipped, for this reason; what depends on it goes on without its output. */
export function skip(reason) {
  return new Outcome("skip", String(reason).toWellFormed());
}

/** The task failed for good, whatever attempts are left. */
export function fail(error) {
  return new Outcome("fail", wireError(error instanceof Error ? error : new HandlerError("execution", String(error))));
}

/** A name that crosses the line; a configuration error where it is no text. */
function word(value, what) {
  if (typeof value !== "string") throw new ConfigurationError(`${what} is ${value === null || value === undefined ? value : `a ${typeof value}`}, not text`);
  return value.toWellFormed();
}

/** A value as JSON text; a configuration error that says what is wrong with it. */
export function text(value, what) {
  try {
    return write(value);
  } catch (error) {
    if (error instanceof Unwritable) throw new ConfigurationError(`${what} cannot be written as JSON: ${error.message}`);
    throw error;
  }
}
