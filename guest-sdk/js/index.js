// Stepcell for JavaScript: errors, durable outcomes and the attempt's log. A handler is a function that a module exports:
//
//     export function hello({ name }, context) { return `hello ${name}`; }
import { record } from "./runtime/host.js";
import { write } from "./runtime/json.js";
import { show } from "./runtime/show.js";

export {
  ConfigurationError,
  DependencyError,
  ExecutionError,
  HandlerError,
  ValidationError,
} from "./runtime/errors.js";
export { awaitSignals, complete, fail, next, Outcome, retry, skip, sleep, spawn } from "./runtime/outcomes.js";

/** The attempt's log: a message, and an object of fields for programs. */
export const log = {
  trace: (message, fields) => line("trace", message, fields),
  debug: (message, fields) => line("debug", message, fields),
  info: (message, fields) => line("info", message, fields),
  warn: (message, fields) => line("warn", message, fields),
  error: (message, fields) => line("error", message, fields),
};

function line(level, message, fields) {
  record(level, show(message), fields === undefined ? undefined : fieldsText(fields));
}

/** Fields as JSON, those that cannot be written as text: a log line never fails. */
function fieldsText(fields) {
  const members = Object.entries(fields).filter(([, value]) => value !== undefined);
  const one = ([name, value]) => `${JSON.stringify(name)}:${textOf(value)}`;
  return `{${members.map(one).join(",")}}`;
}

function textOf(value) {
  try {
    return write(value);
  } catch {
    return JSON.stringify(show(value));
  }
}
