// What is done once for a source: it is checked, made a program, and run without its handlers being called.
//
// The runtime carries this as text, which no attempt pays for.
import { lower } from "./lower.js";
import { Interface } from "./module.js";
import { Parts } from "./parts.js";
import { Source } from "./source.js";

/** A source of more exports is read whole in every attempt. */
const MOST_EXPORTS = 64;
/** A frame of a program in a stack. */
const PLACE = /<input>:(\d+)/;

/** What is to be run for a source, with what the runtime has. Throws the list of what is wrong with it. */
export function prepare(text, runtime) {
  const source = new Source(text);
  const prepared = made(source, runtime);
  if (prepared) return prepared;
  throw source.problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Adds a problem of a whole line; 0: of the source. */
function refuse(source, line, message) {
  source.problems.push({ line, column: 0, message });
}

/** What is to be run, where nothing is wrong. */
function made(source, runtime) {
  const tree = source.tree();
  if (!tree) return undefined;
  const lowered = lower(source, tree);
  const { imports, exports, capabilities } = new Interface(source, tree, runtime.sdk, lowered.name);
  if (source.problems.length > 0) return undefined;
  const beginning = runtime.begin(imports, lowered.name);
  const parts = new Parts(source, tree, lowered);
  // Said before the source's own code runs, which may change what the engine has.
  const asked = [...capabilities].sort();
  // As in a module, names are in order.
  const named = exports.map(({ name, own }) => [name, own]).sort(([a], [b]) => (a < b ? -1 : 1));
  const cuts = cutsOf(parts, named, beginning.length);
  const module = moduleOf(source, beginning + parts.text, named, runtime);
  if (!module) return undefined;
  for (const { name, message } of runtime.faults(module)) {
    const at = exports.find((one) => one.name === name)?.at;
    if (at === undefined) refuse(source, 0, message);
    else source.refuse(at, message);
  }
  if (source.problems.length > 0) return undefined;
  const { describe } = runtime.exportsOf(module);
  return {
    program: runtime.program({ exports: named, handlers: JSON.parse(describe()).handlers, cuts }, beginning + parts.text),
    description: describe(),
    capabilities: asked,
    onError: "onError" in module,
    compensate: "compensate" in module,
  };
}

/** By export what can be cut for it, as numbers in a text; nothing where that is nothing, or where there are too many to look at. */
function cutsOf(parts, named, offset) {
  if (named.length > MOST_EXPORTS) return {};
  const moved = ([from, to, lines]) => [from + offset, to + offset, lines];
  const all = named.map(([name, own]) => [name, parts.cuts(own).flatMap(moved).join(" ")]);
  return Object.fromEntries(all.filter(([, cuts]) => cuts !== ""));
}

/** What the code exports; a problem where it cannot be read or its top-level code fails. */
function moduleOf(source, code, named, runtime) {
  let body;
  try {
    body = runtime.read(code, named);
  } catch (error) {
    refuse(source, lineOf(error, runtime), `the engine cannot read it: ${error.message}`);
    return undefined;
  }
  try {
    return runtime.run(body);
  } catch (thrown) {
    refuse(source, lineOf(thrown, runtime), `top-level code failed: ${runtime.wireError(thrown).message}`);
    return undefined;
  }
}

/** The line where something was thrown; 0 where it does not say. */
function lineOf(thrown, { reading }) {
  const found = reading(() => PLACE.exec(thrown instanceof Error ? thrown.stack : ""), null);
  return found ? Number(found[1]) : 0;
}
