// Values as a person reads them in a log.
import { reading } from "./reading.js";
import { stackOf } from "./stack.js";

const MOST = 8 * 1024;

/** The arguments of `console.log` as one line, `%s %d %i %f %j %o %O` of the first one filled in. */
export function format(given) {
  const left = [...given];
  let text = "";
  if (typeof left[0] === "string" && left.length > 1) {
    text = left.shift().replace(/%[sdifjoO%]/g, (hole) => {
      if (hole === "%%") return "%";
      if (left.length === 0) return hole;
      const value = left.shift();
      if (hole === "%d" || hole === "%f") return String(Number(value));
      if (hole === "%i") return String(Math.trunc(Number(value)));
      return show(value);
    });
    if (left.length > 0) text += " ";
  }
  return cap(text + left.map(show).join(" "), MOST);
}

/** One value: text as it is, errors with their stack, everything else about as it was written. */
export function show(value) {
  return typeof value === "string" ? value : reading(() => inner(value, []), "[unreadable: reading it throws]");
}

/** The beginning of a text that is longer than so many UTF-16 units. */
export function cap(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function inner(value, above) {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `[function ${value.name || "(anonymous)"}]`;
    case "object":
      return value === null ? "null" : object(value, above);
    default:
      return String(value);
  }
}

function object(value, above) {
  if (above.includes(value)) return "[circular]";
  if (above.length > 6) return "…";
  if (value instanceof Error) return `${value.name}: ${value.message}\n${stackOf(value)}`.trimEnd();
  if (typeof value.toJSON === "function") return String(value.toJSON());
  if (value instanceof RegExp) return String(value);
  const path = [...above, value];
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  if (Array.isArray(value)) return `[${value.map((item) => inner(item, path)).join(", ")}]`;
  if (value instanceof Set) return `Set {${[...value].map((item) => inner(item, path)).join(", ")}}`;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const members = entries.map(([name, member]) => `${typeof name === "string" ? name : inner(name, path)}: ${inner(member, path)}`);
  return `${value instanceof Map ? "Map " : ""}{${members.join(", ")}}`;
}
