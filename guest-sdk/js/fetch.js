// Requests over HTTP, to hosts that the step is granted: `grants = { fetch = ["api.example.com"] }`. A component whose
// modules import this asks for the capability `fetch`.
import wire from "stepcell:handler/fetch@0.1.0";
import { ConfigurationError, DependencyError, ExecutionError, ValidationError } from "./runtime/errors.js";
import { mustBeCalled } from "./runtime/host.js";
import { parse } from "./runtime/json.js";
import { text } from "./runtime/outcomes.js";
import { TextDecoder, TextEncoder } from "./runtime/text.js";
import { refusal, wholeMs } from "./runtime/wire.js";

/** Sends a request and waits for the whole answer. A redirect is an answer. Rejects with a `HandlerError` where nothing came. */
export async function fetch(url, { method = "GET", headers = {}, body, json, timeoutMs } = {}) {
  const list = headers instanceof Headers ? [...headers] : Array.isArray(headers) ? headers : Object.entries(headers);
  const request = {
    method: String(method).toUpperCase(),
    url: String(url).toWellFormed(),
    headers: list.map(([name, value]) => [String(name).toWellFormed(), String(value).toWellFormed()]),
    body: bytesOf(json === undefined ? body : text(json, "the request's body")),
    timeoutMs: timeoutMs === undefined ? null : wholeMs(timeoutMs),
  };
  const has = (wanted) => request.headers.some(([name]) => name.toLowerCase() === wanted);
  if (json !== undefined && !has("content-type")) request.headers.push(["content-type", "application/json"]);
  mustBeCalled("a request is sent");
  try {
    return new Response(wire.send(request));
  } catch (error) {
    throw explain(error);
  }
}

/** Names in any case, values in the order they came. */
export class Headers {
  #list;

  constructor(list) {
    this.#list = list;
  }

  get(name) {
    const found = this.#list.filter(([known]) => known === String(name).toLowerCase()).map(([, value]) => value);
    return found.length === 0 ? null : found.join(", ");
  }

  has(name) {
    return this.get(name) !== null;
  }

  [Symbol.iterator]() {
    return this.#list[Symbol.iterator]();
  }

  entries() {
    return this[Symbol.iterator]();
  }
}

/** What came back. */
export class Response {
  #body;

  constructor({ status, headers, body }) {
    this.status = status;
    this.ok = status >= 200 && status < 300;
    this.headers = new Headers(headers);
    this.#body = Uint8Array.from(body);
  }

  async bytes() {
    return this.#body;
  }

  async arrayBuffer() {
    return this.#body.buffer;
  }

  async text() {
    return new TextDecoder().decode(this.#body);
  }

  async json() {
    try {
      return parse(await this.text());
    } catch (error) {
      throw new ExecutionError(`the answer is no JSON: ${error.message}`);
    }
  }

  /** The response itself where its status is one of success; else throws an error of the dependency, which is tried again
   * after 500 and above, 408, 425 and 429, when `retry-after` says so. */
  orThrow() {
    if (this.ok) return this;
    const mayHelp = this.status >= 500 || [408, 425, 429].includes(this.status);
    const seconds = Number(this.headers.get("retry-after") ?? Number.NaN);
    throw new DependencyError(`the other side answered ${this.status}`, {
      retry: mayHelp ? undefined : false,
      retryAfterMs: mayHelp && seconds >= 0 ? seconds * 1000 : undefined,
    });
  }
}

function bytesOf(body) {
  if (body === undefined || body === null) return null;
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  throw new ValidationError("the request's body is text or bytes; `json` takes a value");
}

/** Why nothing came back, and whether another try may help. */
function explain(error) {
  const { tag, val } = refusal(error);
  switch (tag) {
    case "invalid":
      return new ValidationError(val);
    case "denied":
    case "refused-address":
      return new ConfigurationError(val);
    case "too-large":
      return new ExecutionError(`a body has more than ${val} bytes`, { retry: false });
    case "too-many":
      return new ExecutionError(`an attempt sends at most ${val} requests`, { retry: false });
    case "dependency-unavailable":
      return new DependencyError(`requests are held back after failures in a row; the next one in ${val} ms`, {
        retryAfterMs: Number(val),
      });
    case "timeout":
      return new DependencyError("the request took too long");
    case "lost-claim":
      return new DependencyError("another worker has the task now");
    case "dns":
    case "connect":
    case "tls":
    case "other":
      return new DependencyError(val);
    default:
      return error;
  }
}
