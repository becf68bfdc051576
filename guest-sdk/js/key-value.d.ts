// Values that outlive the run, kept for the tenant and the flow: `grants = { key_value = true }`. A write is durable at once,
// whatever comes of the attempt. A key has at most 512 bytes, a value 256 KiB.

import type { Written } from "./index.js";

/** The value of a key, as JSON; undefined where it has none. `get<Count>(key)` says what it is. */
export function get<Value = any>(key: string): Promise<Value | undefined>;
/** Sets a key to a value, as JSON. */
export function set<Value>(key: string, value: Written<Value>): Promise<void>;
/** Sets a key where its value is the expected one, as JSON writes it; undefined: where it has none. False: it has another one. */
export function replace<Expected, Value>(
  key: string,
  expected: Written<Expected> | undefined,
  value: Written<Value>,
): Promise<boolean>;
/** The bytes of a key; undefined where it has none. */
export function getBytes(key: string): Promise<Uint8Array | undefined>;
/** Sets a key to bytes. */
export function setBytes(key: string, bytes: Uint8Array): Promise<void>;
/** Sets a key where its bytes are the expected ones; undefined: where it has none. False: it has other ones. */
export function compareAndSet(key: string, expected: Uint8Array | undefined, bytes: Uint8Array): Promise<boolean>;
/** Deletes a key. False: it was not there. */
export function remove(key: string): Promise<boolean>;
/** Keys that begin with the prefix, in the order of their bytes: those after `after`, at most `limit` and never more than 1,000. */
export function list(prefix?: string, options?: { after?: string; limit?: number }): Promise<string[]>;
