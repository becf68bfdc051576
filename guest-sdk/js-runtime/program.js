// Runs what was made of a pasted source.
import { async, generate, loop, reference, wait } from "./asynchronous.js";
import { modules } from "./module.js";

const GIVEN = { modules, async, generate, wait, loop, reference };

/** The beginning of a program, in front of the source's first line. `name` says how what it is given is called in it. */
export function begin(imports, name) {
  const given = Object.keys(GIVEN).map(name).join(", ");
  return `(function (${given}) { "use strict"; ${imports.length > 0 ? `const ${imports.join(", ")}; ` : ""}`;
}

/** The end of a program. */
export function end(answer) {
  return `\n${answer}\n})`;
}

/** The function that a program is. Throws the engine's SyntaxError where it cannot be read. */
export function read(program) {
  // In the scope of no function here.
  const evaluate = globalThis.eval;
  return evaluate(program);
}

/** What the program's module exports, after its top-level code. */
export function run(body) {
  return body.apply(undefined, Object.values(GIVEN));
}
