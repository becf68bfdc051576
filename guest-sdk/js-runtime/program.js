// What is made of a pasted source, and running it.
import * as fetch from "../js/fetch.js";
import * as stepcell from "../js/index.js";
import * as keyValue from "../js/key-value.js";
import * as secrets from "../js/secrets.js";
import { async, generate, loop, reference, wait } from "./asynchronous.js";

/** The SDK: what each part is imported as in a pasted source, and in a project; what importing it asks for. */
export const sdk = [
  { name: "stepcell", path: "./stepcell/index.js", module: stepcell },
  { name: "stepcell/fetch", path: "./stepcell/fetch.js", module: fetch, capability: "fetch" },
  { name: "stepcell/key-value", path: "./stepcell/key-value.js", module: keyValue, capability: "key-value" },
  { name: "stepcell/secrets", path: "./stepcell/secrets.js", module: secrets, capability: "secrets" },
];

const modules = Object.fromEntries(sdk.map(({ name, module }) => [name, module]));

const GIVEN = { modules, async, generate, wait, loop, reference };

/** The program of a source: its imports, itself, what it answers. `name` says how what it is given is called in it. Its lines are
 * the source's. */
export function program(imports, source, answer, name) {
  const given = Object.keys(GIVEN).map(name).join(", ");
  const declared = imports.length > 0 ? `const ${imports.join(", ")}; ` : "";
  return `(function (${given}) { "use strict"; ${declared}${source}\n${answer}\n})`;
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
