// Requests over HTTP, to hosts that the step is granted: `grants = { fetch = ["api.example.com"] }`.

/** What to send. */
export interface RequestOptions {
  /** `GET` where it is left out. */
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  /** Values may have placeholders of secrets. */
  headers?: Record<string, string> | readonly (readonly [string, string])[] | Headers;
  /** At most 4 MiB; only `POST`, `PUT`, `PATCH` and `DELETE` have one. */
  body?: string | ArrayBuffer | ArrayBufferView | null;
  /** A value to send as JSON, in place of `body`. */
  json?: unknown;
  /** How long it may take; never longer than what is left of the attempt. */
  timeoutMs?: number;
}

/** Sends a request and waits for the whole answer. A redirect is an answer. Throws a `HandlerError` where nothing came back. */
export function fetch(url: string, options?: RequestOptions): Promise<Response>;

/** Headers of an answer. */
export class Headers implements Iterable<[string, string]> {
  private constructor();
  get(name: string): string | null;
  has(name: string): boolean;
  entries(): IterableIterator<[string, string]>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/** What came back. */
export class Response {
  private constructor();
  readonly status: number;
  /** Whether the status is one of success. */
  readonly ok: boolean;
  readonly headers: Headers;
  text(): Promise<string>;
  /** The body as JSON; `json<Rate>()` says what that is. */
  json<Value = any>(): Promise<Value>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  /** The response itself where its status is one of success; else throws a `DependencyError`, which is tried again after 500 and
   * above, 408, 425 and 429, when `retry-after` says so. */
  orThrow(): this;
}
