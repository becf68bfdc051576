// Errors as they cross the line.
import { HandlerError } from "./errors.js";
import { write } from "./json.js";
import { isOutOfMemory, reading } from "./reading.js";
import { show } from "./show.js";
import { stackOf } from "./stack.js";

const KINDS = ["validation", "execution", "configuration", "dependency"];
const UNREADABLE = "what was thrown cannot be read: reading it throws too";
const MOST_CAUSES = 8;
const U64_MAX = 2 ** 53 - 1;

/** What was thrown, as the record `handler-error`. Anything but a `HandlerError` is a failed execution. What says that memory ran out
 * is thrown on: it is no such record, so the attempt ends in a trap, and the host knows whether it had refused memory. */
export function wireError(thrown) {
  if (isOutOfMemory(thrown)) throw thrown;
  const isOwn = reading(() => thrown instanceof HandlerError, false);
  const own = (name) => (isOwn ? reading(() => thrown[name], undefined) : undefined);
  const [kind, retry, retryAfterMs] = [own("kind"), own("retry"), own("retryAfterMs")];
  return {
    kind: KINDS.includes(kind) ? kind : "execution",
    // Half of a surrogate pair cannot cross the line.
    message: reading(() => message(thrown).toWellFormed(), UNREADABLE),
    details: reading(() => detailsText(thrown, isOwn), null),
    retry: typeof retry === "boolean" ? retry : null,
    retryAfterMs: retryAfterMs === undefined ? null : reading(() => wholeMs(retryAfterMs), null),
  };
}

/** What an import of the host answered as its error; the engine throws an `Error` that carries it. */
export function refusal(thrown) {
  return thrown?.payload ?? {};
}

/** A time to wait as whole milliseconds from 0 up. */
export function wholeMs(ms) {
  const whole = Math.ceil(Number(ms));
  return whole > 0 ? Math.min(whole, U64_MAX) : 0;
}

/** An error and its causes in a line. */
function message(thrown) {
  if (!(thrown instanceof Error)) return `thrown: ${show(thrown)}`;
  const said = [];
  for (let error = thrown; error !== undefined && said.length < MOST_CAUSES; error = error?.cause) {
    said.push(error instanceof Error ? named(error) : show(error));
  }
  return said.join(": ");
}

function named(error) {
  const isPlain = error.name === "Error" || error instanceof HandlerError;
  return isPlain ? String(error.message || error.name) : `${error.name}: ${error.message}`;
}

/** As in every SDK, details that cannot be written are left out. */
function detailsText(thrown, isOwn) {
  if (isOwn && thrown.details !== undefined) return write(thrown.details);
  // A typed error is meant; where it was made helps nobody.
  if (isOwn || !(thrown instanceof Error)) return null;
  return write({ name: thrown.name, stack: stackOf(thrown) });
}
