// What is made of a source, and running it.
import * as fetch from "../js/fetch.js";
import * as stepcell from "../js/index.js";
import * as keyValue from "../js/key-value.js";
import * as secrets from "../js/secrets.js";
import { async, generate, loop, reference, wait } from "./asynchronous.js";

/** The SDK: what each part is imported as in a source, and in a project; what importing it asks for. */
export const sdk = [
  { name: "stepcell", path: "./stepcell/index.js", module: stepcell },
  { name: "stepcell/fetch", path: "./stepcell/fetch.js", module: fetch, capability: "fetch" },
  { name: "stepcell/key-value", path: "./stepcell/key-value.js", module: keyValue, capability: "key-value" },
  { name: "stepcell/secrets", path: "./stepcell/secrets.js", module: secrets, capability: "secrets" },
];

const modules = Object.fromEntries(sdk.map(({ name, module }) => [name, module]));

const GIVEN = { modules, async, generate, wait, loop, reference };

/** The program of a source: in its first line what it exports, by which names, which of that are handlers, and what can be cut for
 * each; then the code. */
export function program({ exports, handlers, cuts }, code) {
  return `${JSON.stringify({ exports, handlers, cuts })}\n${code}`;
}

/** The code of a source with its imports. `name` says how what it is given is called in it. Its lines are the source's. */
export function begin(imports, name) {
  const given = Object.keys(GIVEN).map(name).join(", ");
  return `(function (${given}) { "use strict"; ${imports.length > 0 ? `const ${imports.join(", ")}; ` : ""}`;
}

/** The function that code is, which answers these exports. Throws the engine's SyntaxError where it cannot be read. */
export function read(code, exports) {
  const members = exports.map(([name, own]) => `[${JSON.stringify(name)}]: ${own}`);
  // In the scope of no function here.
  const evaluate = globalThis.eval;
  return evaluate(`${code}\nreturn { ${members.join(", ")} };\n})`);
}

/** What the function's module exports, after its top-level code. */
export function run(body) {
  return body.apply(undefined, Object.values(GIVEN));
}

/** The module of a program, as far as it is needed for a call of what has this name; of other handlers it has the names. */
export function moduleFor(program, wanted) {
  const end = program.indexOf("\n");
  const { exports, handlers, cuts } = JSON.parse(program.slice(0, end));
  const code = program.slice(end + 1);
  if (!Object.hasOwn(cuts, wanted)) return run(read(code, exports));
  const module = { __proto__: null };
  for (const name of handlers) module[name] = absent;
  const found = run(read(without(code, cuts[wanted]), exports.filter(([name]) => name === wanted)));
  module[wanted] = found[wanted];
  return module;
}

/** What stands for a handler that is not called. */
function absent() {}

/** A code without its cuts: a `;` keeps what is before one apart from what is behind it, and lines stay what they are. */
function without(code, cuts) {
  let [text, at] = ["", 0];
  const numbers = cuts.split(" ");
  for (let next = 0; next < numbers.length; next += 3) {
    text += `${code.slice(at, Number(numbers[next]))};${"\n".repeat(Number(numbers[next + 2]))}`;
    at = Number(numbers[next + 1]);
  }
  return text + code.slice(at);
}
