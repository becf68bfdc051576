// JSON both ways, exact: integers that a number cannot hold are read as BigInt, and what has no JSON is refused by name.

const U64_MAX = 2n ** 64n - 1n;
const I64_MIN = -(2n ** 63n);
const INTEGER = /^-?\d+$/;

/** Reads JSON text. Integers beyond 2^53 - 1 become BigInt, everything else is as `JSON.parse` has it. */
export function parse(text) {
  const value = JSON.parse(text);
  return hasLostDigits(value) ? parseExactly(text) : value;
}

function hasLostDigits(value) {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return false;
  const members = Array.isArray(value) ? value : Object.values(value);
  for (let at = 0; at < members.length; at += 1) {
    const member = members[at];
    const kind = typeof member;
    if ((kind === "number" || kind === "object") && hasLostDigits(member)) return true;
  }
  return false;
}

function parseExactly(text) {
  return JSON.parse(text, (_, value, { source }) =>
    typeof value === "number" && hasLostDigits(value) && INTEGER.test(source) ? BigInt(source) : value,
  );
}

/** Why a value has no JSON, and where in it. */
export class Unwritable extends Error {
  constructor({ why, path }) {
    super(path.length === 0 ? `it is ${why}` : `\`${show(path.reverse())}\` is ${why}`);
    this.name = "Unwritable";
  }
}

/** Writes a value as JSON; throws `Unwritable` where there is none. BigInt is written as the integer it is. */
export function write(value) {
  const found = { bigint: false };
  const fault = check(value, [], found);
  if (fault) throw new Unwritable(fault);
  return found.bigint ? JSON.stringify(value, raw) : JSON.stringify(value);
}

/** What is wrong with a value, with the path to it from its end; undefined where nothing is. */
function check(value, above, found) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : at(`${value}, which JSON does not have`);
    case "bigint":
      found.bigint = true;
      if (value <= U64_MAX && value >= I64_MIN) return undefined;
      return at(`${value}n, which fits neither a signed nor an unsigned 64-bit integer`);
    case "object":
      return value === null ? undefined : checkObject(value, above, found);
    case "undefined":
      return at("undefined; `null` says that there is nothing");
    default:
      return at(`a ${typeof value}`);
  }
}

function at(why) {
  return { why, path: [] };
}

function checkObject(value, above, found) {
  if (above.includes(value)) return at("a part of itself (circular)");
  const isArray = Array.isArray(value);
  if (value.toJSON !== undefined || !(isArray || Object.getPrototypeOf(value) === Object.prototype)) {
    if (typeof value.toJSON === "function") return check(value.toJSON(""), [...above, value], found);
    const what = misfit(value);
    if (what) return at(what);
  }
  above.push(value);
  const fault = isArray ? checkItems(value, above, found) : checkMembers(value, above, found);
  above.pop();
  return fault;
}

function checkItems(values, above, found) {
  for (let index = 0; index < values.length; index += 1) {
    const item = values[index];
    if (typeof item === "string") continue;
    const fault = check(item, above, found);
    if (fault) {
      fault.path.push(index);
      return fault;
    }
  }
  return undefined;
}

function checkMembers(value, above, found) {
  for (const name of Object.keys(value)) {
    const member = value[name];
    // An optional member that is not there is left out, as `JSON.stringify` has it.
    if (typeof member === "string" || member === undefined) continue;
    const fault = check(member, above, found);
    if (fault) {
      fault.path.push(name);
      return fault;
    }
  }
  return undefined;
}

/** What `JSON.stringify` would write as `{}` or as an object of digits. */
function misfit(value) {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return "bytes; write them as text, or as a list with `Array.from(bytes)`";
  }
  if (value instanceof Map) return "a Map; `Object.fromEntries(map)` makes an object of it";
  if (value instanceof Set) return "a Set; `[...set]` makes a list of it";
  if (value instanceof Error) return "an Error; throw it, or take its `message`";
  if (value instanceof RegExp) return "a RegExp; `String(regexp)` makes text of it";
  if (typeof value.then === "function") return "a Promise; `await` it";
  return undefined;
}

/** `JSON.stringify` refuses BigInt, so it is handed over as the text that it is to be. */
function raw(_, value) {
  return typeof value === "bigint" ? JSON.rawJSON(value.toString()) : value;
}

function show(path) {
  return path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join("");
}
