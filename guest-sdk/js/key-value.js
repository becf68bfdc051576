// Values that outlive the run, kept for the tenant and the flow: `grants = { key_value = true }`. A component whose modules
// import this asks for the capability `key-value`. A write is durable at once, whatever comes of the attempt.
import wire from "stepcell:handler/key-value@0.1.0";
import { ConfigurationError, DependencyError, ExecutionError, ValidationError } from "./runtime/errors.js";
import { mustBeCalled } from "./runtime/host.js";
import { parse } from "./runtime/json.js";
import { text } from "./runtime/outcomes.js";
import { TextDecoder, TextEncoder } from "./runtime/text.js";
import { refusal } from "./runtime/wire.js";

/** The value of a key, as JSON; undefined where it has none. */
export async function get(key) {
  const bytes = await getBytes(key);
  if (bytes === undefined) return undefined;
  try {
    return parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new ExecutionError(`the value of \`${key}\` is no JSON: ${error.message}`);
  }
}

/** Sets a key to a value, as JSON. */
export async function set(key, value) {
  await setBytes(key, encode(value));
}

/** Sets a key where its value is the expected one, byte for byte as JSON writes it; undefined: where it has none. False: it
 * has another one. */
export async function replace(key, expected, value) {
  return compareAndSet(key, expected === undefined ? undefined : encode(expected), encode(value));
}

/** The bytes of a key; undefined where it has none. */
export async function getBytes(key) {
  const bytes = call(() => wire.get(word(key)));
  return bytes === null || bytes === undefined ? undefined : Uint8Array.from(bytes);
}

/** Sets a key to bytes. */
export async function setBytes(key, bytes) {
  call(() => wire.set(word(key), bytes));
}

/** Sets a key where its bytes are the expected ones; undefined: where it has none. False: it has other ones. */
export async function compareAndSet(key, expected, bytes) {
  return call(() => wire.compareAndSet(word(key), expected ?? null, bytes));
}

/** Deletes a key. False: it was not there. */
export async function remove(key) {
  return call(() => wire.delete(word(key)));
}

/** Keys that begin with `prefix`, in the order of their bytes: those after `after`, at most `limit` and never more than 1,000. */
export async function list(prefix = "", { after, limit = 1000 } = {}) {
  return call(() => wire.listKeys(word(prefix), after === undefined ? null : word(after), limit));
}

function word(key) {
  return String(key).toWellFormed();
}

function encode(value) {
  return new TextEncoder().encode(text(value, "the value"));
}

function call(ask) {
  mustBeCalled("a value is asked for");
  try {
    return ask();
  } catch (error) {
    throw explain(error);
  }
}

function explain(error) {
  const { tag, val } = refusal(error);
  switch (tag) {
    case "denied":
      return new ConfigurationError(val);
    case "invalid":
      return new ValidationError(val);
    case "too-large":
      return new ExecutionError(`a value has at most ${val} bytes`, { retry: false });
    case "too-many":
      return new ExecutionError(`an attempt does no more than ${val} of it`, { retry: false });
    case "full":
      return new DependencyError(`the values of a tenant have at most ${val} bytes`);
    case "lost-claim":
      return new DependencyError("another worker has the task now");
    case "other":
      return new DependencyError(val);
    default:
      return error;
  }
}
