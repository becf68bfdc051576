// Everything that the SDK reaches of the host: the same names and answers as the other folders beside this one.
import { complete, DependencyError, fail, log, next, retry, skip, spawn, ValidationError } from "./stepcell/index.js";
import { fetch } from "./stepcell/fetch.js";
import * as keyValue from "./stepcell/key-value.js";
import * as secrets from "./stepcell/secrets.js";

/** The flow that is registered with the upload. */
export const flow = {
  flow: "carried-js",
  step: [
    {
      name: "books",
      handler: "books",
      grants: { fetch: ["127.0.0.1"], key_value: true, secrets: [{ name: "API_KEY", to: ["127.0.0.1"] }] },
    },
  ],
};

/** Sends a request and answers what came back. */
export async function fetches({ url, method, header, body, timeout_ms }) {
  try {
    const answer = await fetch(url, { method, headers: [header], body, timeoutMs: timeout_ms });
    return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.text() };
  } catch (error) {
    throw new DependencyError(error.message);
  }
}

/** Sends a secret that it never sees. */
export async function reveals({ url, secret }) {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${secrets.placeholder(secret)}` } });
  return { status: answer.status, names: secrets.names() };
}

/** Does with a key all that can be done. */
export async function keeps({ key }) {
  const bytes = (text) => new TextEncoder().encode(text);
  const text = (found) => (found === undefined ? null : new TextDecoder().decode(found));
  const before = text(await keyValue.getBytes(key));
  await keyValue.setBytes(key, bytes("one"));
  const swapped = [];
  for (const value of ["two", "three"]) swapped.push(await keyValue.compareAndSet(key, bytes("one"), bytes(value)));
  const value = text(await keyValue.getBytes(key));
  const keys = await keyValue.list(key);
  const deleted = await keyValue.remove(key);
  return { before, swapped, value, keys, deleted, after: text(await keyValue.getBytes(key)) };
}

/** Does more than an attempt may and answers what it is told. */
export async function exceeds({ url }) {
  const told = (error) => error.message;
  const value = await keyValue.setBytes("much", new Uint8Array(256 * 1024 + 1)).catch(told);
  for (;;) {
    const request = await fetch(url).catch(told);
    if (typeof request === "string") return { value, request };
  }
}

/** Has children and answers how they ended. */
export function spawns(_input, { phase, children }) {
  if (phase === "") {
    const both = [
      { flow: "child", input: 1, key: "a" },
      { flow: "child", input: 2, key: "b" },
    ];
    return spawn(both, "joined", { n: 2 });
  }
  const ended = children.map(({ key, status, output = null }) => ({ key, status, output }));
  return ended.sort((one, other) => (one.key < other.key ? -1 : 1));
}

/** Has nothing to do. */
export function skips() {
  return skip("nothing to do");
}

/** Goes through three phases. */
export function nexts(_input, { phase, state }) {
  if (phase === "") return next("two", 1);
  return phase === "two" ? next("three", state + 1) : state + 1;
}

/** Asks for a second attempt, once. */
export function retries(_input, { attempt, state }) {
  return attempt === 1 ? retry({ state: { tries: 1 }, afterMs: 10 }) : { attempt, state };
}

/** Fails for good. */
export function gives_up() {
  return fail(new ValidationError("it gives up", { details: { why: "no" } }));
}

/** Fails, and is mended. */
export function breaks() {
  throw new Error("broken");
}

/** Does what can be undone. */
export function books({ seat }) {
  return { seat };
}

/** What follows a failure: of the other handlers' it stays as it is. */
export const onError = {
  breaks: (_input, { kind, message }) => complete(`mended: ${kind}: ${message}`),
};

/** Undoes what a task did. */
export const compensate = {
  books: (_input, output) => log.info(`gave back ${output.seat}`),
};
