// What a handler finds beside the language itself (ES2024): the editor is told of nothing that a component does not have.

declare const console: Record<
  "trace" | "debug" | "log" | "info" | "warn" | "error" | "dir" | "table" | "group",
  (...given: unknown[]) => void
> & {
  groupEnd(): void;
  assert(holds: unknown, ...given: unknown[]): void;
};
/** Adds a job. */
declare function queueMicrotask(job: () => void): void;
/** Calls the function once all jobs are done. Only 0 ms can be waited: a handler answers `sleep(ms, phase, state)`. */
declare function setTimeout(call: (...given: any[]) => void, delay?: 0, ...given: unknown[]): number;
declare function clearTimeout(id: number | undefined): void;
declare function setImmediate(call: (...given: any[]) => void, ...given: unknown[]): number;
declare function clearImmediate(id: number | undefined): void;
declare function structuredClone<Value>(value: Value): Value;
declare function atob(text: string): string;
declare function btoa(text: string): string;
declare const crypto: {
  getRandomValues<Values extends ArrayBufferView>(array: Values): Values;
  randomUUID(): string;
};
declare const performance: { now(): number; readonly timeOrigin: number };
declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBufferLike | ArrayBufferView): string;
}
