// `Date`, `Math.random`, `crypto` and `performance` on what the host says: the engine's clock stands still and its chance is
// frozen into the component.
import { mustBeCalled } from "./host.js";

const EngineDate = globalThis.Date;
const MOST_BYTES = 4096;

let system;

/** Sets up the globals. `given` has the functions of the interface `system`. */
export function install(given) {
  system = given;
  const define = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, configurable: true });
  define(globalThis, "Date", HostDate);
  define(Math, "random", random);
  define(globalThis, "crypto", { getRandomValues, randomUUID });
  define(globalThis, "performance", { now, timeOrigin: 0 });
}

/** Milliseconds since 1970. */
function now() {
  mustBeCalled("the time is asked for");
  return Number(system.nowMs());
}

function randomBytes(length) {
  mustBeCalled("chance is asked for");
  return system.randomBytes(length);
}

/** `Date` whose present is the host's. */
function HostDate(...given) {
  if (!new.target) return new EngineDate(now()).toString();
  return Reflect.construct(EngineDate, given.length === 0 ? [now()] : given, new.target);
}
HostDate.prototype = EngineDate.prototype;
HostDate.prototype.constructor = HostDate;
HostDate.now = now;
HostDate.parse = EngineDate.parse;
HostDate.UTC = EngineDate.UTC;
Object.defineProperty(HostDate, "name", { value: "Date" });

/** A number from 0 up to 1, of 53 bits of the host's chance. */
function random() {
  const [a, b, c, d, e, f, g] = randomBytes(7);
  const high = (a & 31) * 2 ** 48 + b * 2 ** 40 + c * 2 ** 32;
  return (high + d * 2 ** 24 + e * 2 ** 16 + f * 2 ** 8 + g) / 2 ** 53;
}

function getRandomValues(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let at = 0; at < bytes.length; at += MOST_BYTES) {
    bytes.set(randomBytes(Math.min(MOST_BYTES, bytes.length - at)), at);
  }
  return array;
}

/** A UUID of version 4 (RFC 9562). */
function randomUUID() {
  const bytes = Uint8Array.from(randomBytes(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
