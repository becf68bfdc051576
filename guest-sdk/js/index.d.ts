/// <reference path="./globals.d.ts" />
// Types of the SDK.

export type { Flow, FlowBuiltin, FlowGrants, FlowPolicy, FlowRate, FlowSettings, FlowStep, JsonSchema } from "./flow.js";

/** A value that JSON has. Integers beyond 2^53 - 1 arrive as `bigint` and may be answered as such, up to 64 bits. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/**
 * What can be written as JSON: also objects of an interface or a class, and what has `toJSON`. Anything else is `NoJson`. Of a type
 * that is not known yet it is only known that it is where it `extends Json`.
 */
export type Writable<Value> = Value extends undefined | void | symbol | Unwritable
  ? NoJson
  : Value extends Json | { toJSON(): unknown }
    ? Value
    : Value extends readonly unknown[]
      ? { [At in keyof Value]: Writable<Value[At]> }
      : Value extends Error
        ? "stack" extends keyof Value
          ? NoJson
          : Members<Value>
        : Value extends object
          ? Members<Value>
          : Value;

/** A value that is written as JSON. */
export type Written<Value> = Json | (Value & Writable<Value>);

/** Methods are left to the run time: those of a class are not written, an object's own are refused by name. */
type Members<Value> = {
  [Name in keyof Value]: Value[Name] extends (...given: never[]) => unknown
    ? Value[Name]
    : Writable<Value[Name]> | Extract<Value[Name], undefined>;
};

/** Stands for what has no JSON: nothing is one. `await` a promise, make an object of a Map, a list of a Set, text of bytes. */
export interface NoJson {
  readonly [noJson]: never;
}
declare const noJson: unique symbol;

type Unwritable =
  | ((...given: never[]) => unknown)
  | PromiseLike<unknown>
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | RegExp
  | Outcome;

/**
 * A handler: works on its input and answers its output, any JSON value, or an outcome. `async` is fine, waiting is not.
 *
 *     export const price: Handler<Order, Price> = (order, context) => ({ id: order.id, cents: 450 });
 */
export type Handler<Input = Json, Output = {} | null, State = unknown, FlowInput = unknown> = (
  input: Input,
  context: Context<State, FlowInput>,
) => Output | Outcome | Promise<Output | Outcome>;

/** Decides what follows when an attempt failed; nothing leaves the failure as it is. Exported as `onError`, or as a map by handler. */
export type OnError<Input = Json, State = unknown, FlowInput = unknown> = (
  input: Input,
  failure: Failure,
  context: Context<State, FlowInput>,
) => Outcome | undefined | null | void | Promise<Outcome | undefined | null | void>;

/** Undoes what a completed task did; its answer goes nowhere. Exported as `compensate`, or as a map by handler. */
export type Compensate<Input = Json, Output = Json, FlowInput = unknown> = (
  input: Input,
  output: Output,
  context: Context<unknown, FlowInput>,
) => unknown;

/** The attempt a handler runs in. */
export interface Context<State = unknown, FlowInput = unknown> {
  /** Name of the tenant the run belongs to. */
  readonly tenant: string;
  /** The run, a UUIDv7. */
  readonly runId: string;
  /** Name of the flow. */
  readonly flow: string;
  /** The version the run is pinned to. */
  readonly flowVersion: number;
  /** Name of the step. */
  readonly step: string;
  /** Which of the component's handlers is meant; empty when the flow names none. */
  readonly handler: string;
  /** Index of a map task; 0 for any other. */
  readonly index: number;
  /** 1-based number of this try. */
  readonly attempt: number;
  /** The last try there will be. */
  readonly maxAttempts: number;
  /** True on the last try there will be. */
  readonly isLastAttempt: boolean;
  /** Where a durable handler goes on; empty at first. */
  readonly phase: string;
  /** The same text for every attempt of this task and phase: hand it to whatever must not happen twice. */
  readonly idempotencyKey: string;
  /** W3C trace context of the caller that started the run. */
  readonly traceparent?: string;
  /** The input the run was started with; transferred when it is first read. */
  readonly flowInput: FlowInput;
  /** What the phase before kept; undefined at the first phase. */
  readonly state: State | undefined;
  /** The signals this attempt was woken for; empty when the wait timed out. Progress takes exactly these out of the inbox. */
  readonly awaited: Signal[];
  /** Every signal of the run that nobody consumed yet. */
  readonly inbox: Signal[];
  /** The children this task spawned, in order, all of them ended. */
  readonly children: EndedChild[];
  /** True once the run was cancelled: a handler that looks can tidy up. */
  cancelled(): boolean;
  /** Milliseconds until the deadline of this attempt. */
  remainingMs(): number;
}

/** A message in a run's inbox. */
export interface Signal<Payload = unknown> {
  /** Its place in the inbox. */
  id: number;
  /** Its name. */
  name: string;
  /** What was sent; `payload as Decision` says what that is. */
  payload: Payload;
}

/** A child run that ended. */
export interface EndedChild<Output = unknown> {
  /** The run. */
  runId: string;
  /** The key it was spawned with. */
  key?: string;
  /** How it ended. */
  status: "completed" | "failed" | "cancelled";
  /** Its output, when it completed. */
  output?: Output;
  /** Its error, when it did not. */
  error?: string;
}

/** Why an attempt did not complete. */
export interface Failure {
  /** The kind: `trap`, `handler_error.execution`, `timeout`, ... */
  kind: string;
  /** One sentence. */
  message: string;
  /** What the handler added to its error. */
  details?: Json;
}

/** What a handler may say about an error. */
export interface ErrorOptions {
  /** Anything that a program may want to read. What cannot be written as JSON is left out. */
  details?: unknown;
  /** Whether to try again, whatever the kind says. Never exceeds the step's attempts. */
  retry?: boolean;
  /** When to try again, in place of the step's backoff. */
  retryAfterMs?: number;
  /** What it comes from; its message is added. */
  cause?: unknown;
}

/** Why a handler could not answer, and whether another try makes sense. Any other error is a failed execution. */
export class HandlerError extends Error {
  constructor(kind: "validation" | "execution" | "configuration" | "dependency", message: string, options?: ErrorOptions);
  kind: "validation" | "execution" | "configuration" | "dependency";
  details?: unknown;
  retry?: boolean;
  retryAfterMs?: number;
}
/** The input is wrong. Not tried again unless `retry` says so. */
export class ValidationError extends HandlerError {
  constructor(message: string, options?: ErrorOptions);
}
/** The work failed. Tried again. */
export class ExecutionError extends HandlerError {
  constructor(message: string, options?: ErrorOptions);
}
/** The handler is set up wrongly. Not tried again unless `retry` says so. */
export class ConfigurationError extends HandlerError {
  constructor(message: string, options?: ErrorOptions);
}
/** Something the handler needs is not there right now. Tried again. */
export class DependencyError extends HandlerError {
  constructor(message: string, options?: ErrorOptions);
}

/** What follows from an attempt. It does nothing unless the handler answers it. */
export class Outcome {
  private constructor();
  readonly tag: "complete" | "next" | "retry" | "sleep" | "await-signals" | "spawn" | "skip" | "fail";
  private readonly val: unknown;
}

/** A child run to start: of this flow's active version. The same key twice is one child. */
export interface Child {
  /** The flow to run. */
  flow: string;
  /** Its input; `null` where it is left out. */
  input?: unknown;
  /** What it is known by among the task's children. */
  key?: string;
}

/** The task is done, with this output: the same as answering the output itself. */
export function complete<Output>(output: Written<Output>): Outcome;
/** Commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there. */
export function next<State = null>(phase: string, state?: Written<State>): Outcome;
/** Tries the same phase again; it counts as an attempt. What was awaited stays in the inbox. */
export function retry<State = null>(options?: { state?: Written<State>; afterMs?: number }): Outcome;
/** Waits, holding nothing, then goes on at the phase. A year is the most. */
export function sleep<State = null>(forMs: number, phase: string, state?: Written<State>): Outcome;
/** Waits, holding nothing, until any of these signals (32 at most) is in the run's inbox, then goes on at the phase. */
export function awaitSignals<State = null>(
  names: string | Iterable<string>,
  phase: string,
  state?: Written<State>,
  options?: { timeoutMs?: number },
): Outcome;
/** Starts child runs (10,000 at most) and waits, holding nothing, until all of them ended; then goes on at the phase. */
export function spawn<State = null>(children: Iterable<Child>, phase: string, state?: Written<State>): Outcome;
/** The step is skipped, for this reason; what depends on it goes on without its output. */
export function skip(reason: string): Outcome;
/** The task failed for good, whatever attempts are left. */
export function fail(error: unknown): Outcome;

/** The attempt's log: a message, and an object of fields for programs. `console` writes to it, too. */
export const log: Record<"trace" | "debug" | "info" | "warn" | "error", (message: string, fields?: object) => void>;
