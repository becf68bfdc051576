// What browsers and Node have and the engine has not.

/** UTF-8 out. Lone surrogates become U+FFFD. */
export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    const escaped = encodeURIComponent(String(text).toWellFormed());
    const bytes = new Uint8Array(escaped.length);
    let length = 0;
    for (let at = 0; at < escaped.length; at += 1, length += 1) {
      if (escaped.charCodeAt(at) === 37) {
        bytes[length] = Number.parseInt(escaped.slice(at + 1, at + 3), 16);
        at += 2;
      } else {
        bytes[length] = escaped.charCodeAt(at);
      }
    }
    return bytes.slice(0, length);
  }
}

/** UTF-8 in, and nothing else. */
export class TextDecoder {
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^(utf-?8|unicode-1-1-utf-8)$/i.test(label)) throw new RangeError(`\`${label}\`: only UTF-8 is known here`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array()) {
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const hasMark = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    const parts = [];
    for (let at = hasMark ? 3 : 0; at < bytes.length; ) {
      const units = [];
      while (at < bytes.length && units.length < 4096) at = this.#one(bytes, at, units);
      parts.push(String.fromCharCode(...units));
    }
    return parts.join("");
  }

  /** Reads one character (WHATWG Encoding, 8.1.1) and answers where the next one begins. */
  #one(bytes, at, units) {
    const first = bytes[at];
    if (first < 0x80) {
      units.push(first);
      return at + 1;
    }
    const more = first >= 0xf0 && first <= 0xf4 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
    let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    let point = more === 3 ? first & 7 : more === 2 ? first & 15 : first & 31;
    let read = 0;
    while (read < more && bytes[at + 1 + read] >= low && bytes[at + 1 + read] <= high) {
      point = (point << 6) | (bytes[at + 1 + read] & 63);
      read += 1;
      low = 0x80;
      high = 0xbf;
    }
    if (more === 0 || read < more) {
      if (this.fatal) throw new TypeError("the bytes are not UTF-8");
      units.push(0xfffd);
      return at + 1 + read;
    }
    if (point > 0xffff) units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    else units.push(point);
    return at + 1 + more;
  }
}

/** Base64 of a text of bytes. */
export function btoa(text) {
  const bytes = Uint8Array.from(String(text), (character) => {
    const code = character.charCodeAt(0);
    if (code > 255 || character.length > 1) throw new RangeError("`btoa` takes characters up to U+00FF");
    return code;
  });
  return bytes.toBase64();
}

/** The text of bytes that is written as base64. */
export function atob(text) {
  return Array.from(Uint8Array.fromBase64(String(text)), (byte) => String.fromCharCode(byte)).join("");
}

/** A deep copy of data: objects, arrays, maps, sets, dates, bytes, errors; circles are kept. */
export function structuredClone(value) {
  return copy(value, new Map());
}

function copy(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`a ${typeof value} cannot be cloned`);
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (made) => {
    seen.set(value, made);
    return made;
  };
  if (ArrayBuffer.isView(value)) return keep(value.slice ? value.slice() : new DataView(value.buffer.slice(0)));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (Object.prototype.toString.call(value) === "[object Date]") return keep(new value.constructor(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof Map) {
    const made = keep(new Map());
    for (const [key, member] of value) made.set(copy(key, seen), copy(member, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set());
    for (const member of value) made.add(copy(member, seen));
    return made;
  }
  const made = keep(Array.isArray(value) ? new Array(value.length) : value instanceof Error ? new Error(value.message) : {});
  for (const name of Object.keys(value)) made[name] = copy(value[name], seen);
  return made;
}
