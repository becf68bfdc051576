// Sets up, before the handlers' modules are read, what the engine alone does not have or does wrongly here.
import { record } from "./host.js";
import { clearTimeout, Promise as OwnPromise, queueMicrotask, setTimeout } from "./promise.js";
import { format } from "./show.js";
import { atob, btoa, structuredClone, TextDecoder, TextEncoder } from "./text.js";

/** The engine's own, whose jobs nobody runs. */
export const EnginePromise = globalThis.Promise;

const line = (level) => (...given) => record(level, format(given), undefined);

const console = {
  trace: line("trace"),
  debug: line("debug"),
  log: line("info"),
  info: line("info"),
  warn: line("warn"),
  error: line("error"),
  dir: line("info"),
  table: line("info"),
  group: line("info"),
  groupEnd() {},
  assert(holds, ...given) {
    if (!holds) record("error", format(["assertion failed:", ...given]), undefined);
  },
};

const immediately = (call, ...given) => setTimeout(call, 0, ...given);

for (const [name, value] of Object.entries({
  console,
  Promise: OwnPromise,
  queueMicrotask,
  setTimeout,
  clearTimeout,
  setImmediate: immediately,
  clearImmediate: clearTimeout,
  TextEncoder,
  TextDecoder,
  structuredClone,
  atob,
  btoa,
})) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

// It answers a promise of the engine.
delete Array.fromAsync;
