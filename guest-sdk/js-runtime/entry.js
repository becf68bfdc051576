// The entry of the runtime: a component whose handlers are a source, another one in each attempt. A bundle of prepare/prepare.js
// is put in the place of `stepcell-prepare`.
import "../js/runtime/globals.js";
import "../js/runtime/system.js";
import context from "stepcell:handler/context@0.1.0";
import log from "stepcell:handler/log@0.1.0";
import source from "stepcell:handler/source@0.1.0";
import text from "stepcell-prepare";
import { exportsOf, faults } from "../js/runtime/component.js";
import { host } from "../js/runtime/host.js";
import { reading } from "../js/runtime/reading.js";
import { wireError } from "../js/runtime/wire.js";
import { begin, moduleFor, program, read, run, sdk } from "./program.js";

// Every line of this bundle is the SDK's; what is evaluated is the source.
globalThis.stepcellPlaces = { sources: [], runs: [[1, -1, 1]], evaluated: "handler.js" };

/** A call of the component that the source makes. Its top-level code runs first, with no host, as when a component is built. */
function call(name, given) {
  let made;
  try {
    const wanted = name === "handle" ? context.task().handler || "default" : name;
    made = exportsOf(moduleFor(source.program(), wanted));
  } catch (thrown) {
    throw wireError(thrown);
  }
  Object.assign(host, { context, log });
  host.isCalled = true;
  return made[name](...given);
}

export const handle = (...given) => call("handle", given);
export const onError = (...given) => call("onError", given);
export const compensate = (...given) => call("compensate", given);

/** What is to be run for a source. Throws the list of what is wrong with it. */
export function prepare(source) {
  const module = {};
  new Function("module", text)(module);
  return module.exports.prepare(source, { exportsOf, faults, reading, wireError, begin, program, read, run, sdk });
}

/** Objects that are there once, while the runtime is built. */
const ONCE = 8000;

// The engine collects garbage when it has made half as many things again as it had left the last time. Have that be many, or an attempt
// would soon come upon it, and touch all that is shared.
Array.from({ length: ONCE }, (_, at) => ({ at }));
