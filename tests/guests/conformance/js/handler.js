// What every language's handlers must do alike: the same names and answers as the other folders beside this one.
import { awaitSignals, DependencyError, log, sleep, ValidationError } from "./stepcell/index.js";

/** Answers its input. */
export function echo(input) {
  return input;
}

/** Throws the language's plain error. */
export async function fails({ message }) {
  throw new Error(message);
}

/** Refuses its input. */
export function invalid() {
  throw new ValidationError("`x` is wrong", { details: { field: "x" } });
}

/** Asks to be tried again later. */
export function hint() {
  throw new DependencyError("not there yet", { retryAfterMs: 1234 });
}

/** Writes a line at each level and one in the language's own way. */
export function logs() {
  log.trace("a trace line");
  log.debug("a debug line");
  log.info("an info line", { n: 1 });
  log.warn("a warn line");
  log.error("an error line");
  console.log("its own line: %d", 42);
  return null;
}

/** Never ends. */
export function spins() {
  for (;;);
}

/** Answers something that is no JSON. */
export function wrong({ what }) {
  const circular = { list: [] };
  circular.list.push(circular);
  return { undefined: undefined, nan: { list: [Number.NaN] }, bytes: new Uint8Array(3), circular }[what];
}

/** Sleeps, then answers what it kept and one. */
export async function phases(_input, { phase, state }) {
  return phase === "second" ? state.n + 1 : sleep(5, "second", { n: 1 });
}

/** Waits for a signal and answers what was sent. */
export function waits(_input, { phase, awaited }) {
  return phase === "woken" ? awaited[0].payload : awaitSignals(["go"], "woken");
}

/** Adds the numbers of all dependencies. */
export function sums(deps) {
  return Object.values(deps).reduce((sum, number) => sum + number, 0);
}

/** Answers who is calling. */
export function context(_input, { step, attempt, idempotencyKey }) {
  return { step, attempt, idempotency_key: idempotencyKey };
}

/** Answers the time and chance. */
export function clock() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return { now: Date.now(), random: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
