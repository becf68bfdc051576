// Errors as they cross the line.
import { HandlerError } from "./errors.js";
import { write } from "./json.js";
import { show } from "./show.js";
import { stackOf } from "./stack.js";

const MOST_CAUSES = 8;
const U64_MAX = 2 ** 53 - 1;

/** What was thrown, as the record `handler-error`. Anything but a `HandlerError` is a failed execution. */
export function wireError(thrown) {
  const own = thrown instanceof HandlerError ? thrown : {};
  return {
    kind: own.kind ?? "execution",
    // Half of a surrogate pair cannot cross the line.
    message: message(thrown).toWellFormed(),
    details: detailsText(thrown, own),
    retry: own.retry ?? null,
    retryAfterMs: own.retryAfterMs === undefined ? null : wholeMs(own.retryAfterMs),
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
  for (let error = thrown; error !== undefined && said.length < MOST_CAUSES; error = error.cause) {
    said.push(error instanceof Error ? named(error) : show(error));
  }
  return said.join(": ");
}

function named(error) {
  const isPlain = error.name === "Error" || error instanceof HandlerError;
  return isPlain ? String(error.message || error.name) : `${error.name}: ${error.message}`;
}

function detailsText(thrown, own) {
  try {
    if (own.details !== undefined) return write(own.details);
  } catch {
    // As in every SDK: what cannot be written is left out.
    return null;
  }
  // A typed error is meant; where it was made helps nobody.
  if (!(thrown instanceof Error) || own.kind) return null;
  return write({ name: thrown.name, stack: stackOf(thrown) });
}
