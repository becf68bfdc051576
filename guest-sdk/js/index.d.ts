/// <reference path="./globals.d.ts" />
// Types of the SDK.

/** A value that JSON has. Integers beyond 2^53 - 1 arrive as `bigint` and may be answered as such, up to 64 bits. */
export type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json | undefined };

/** A handler: works on its input and answers its output, any JSON value, or an outcome. `async` is fine, waiting is not. */
export type Handler<Input = Json, Output = Json, State = unknown> = (
  input: Input,
  context: Context<State>,
) => Output | Outcome | Promise<Output | Outcome>;

/** Decides what follows when an attempt failed; nothing leaves the failure as it is. Exported as `onError`, or as a map by handler. */
export type OnError<Input = Json, State = unknown> = (
  input: Input,
  failure: Failure,
  context: Context<State>,
) => Outcome | undefined | null | void | Promise<Outcome | undefined | null | void>;

/** Undoes what a completed task did. Exported as `compensate`, or as a map by handler. */
export type Compensate<Input = Json, Output = Json> = (
  input: Input,
  output: Output,
  context: Context,
) => void | Promise<void>;

/**
 * A flow that the component carries, exported as `flow`: what `flow.toml` would say. It is registered when the component is uploaded.
 *
 *     export const flow: Flow = { flow: "order", step: [{ name: "price" }, { name: "pay", handler: "pay", needs: ["price"] }] };
 */
export interface Flow {
  /** The flow's name. */
  flow: string;
  /** For people. */
  description?: string;
  /** What steps go by that say nothing else: `timeout`, `max_attempts`, `memory`, ... */
  defaults?: { [member: string]: unknown };
  /** Its steps. */
  step?: FlowStep[];
  [member: string]: unknown;
}

/** A step of a flow. It calls this component unless it names another one. */
export interface FlowStep {
  /** Unique in the flow. */
  name: string;
  /** Which handler is meant; a component with one needs no name for it. */
  handler?: string;
  /** Another component, by its digest. */
  component?: string;
  /** The steps that must end before this one starts. */
  needs?: string[];
  /** One task for each element of the array that the one step it needs answers. */
  map?: boolean;
  /** What it may reach: `{ fetch: ["api.example.com"], key_value: true }`. */
  grants?: { [capability: string]: unknown };
  /** Wall clock of one attempt: `"30s"`. */
  timeout?: string;
  /** Attempts in all. */
  max_attempts?: number;
  [member: string]: unknown;
}

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
export interface Signal<Payload = any> {
  /** Its place in the inbox. */
  id: number;
  /** Its name. */
  name: string;
  /** What was sent. */
  payload: Payload;
}

/** A child run that ended. */
export interface EndedChild<Output = any> {
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
  readonly tag: string;
}

/** A child run to start: of this flow's active version. The same key twice is one child. */
export interface Child {
  flow: string;
  input?: unknown;
  key?: string;
}

/** The task is done, with this output: the same as answering the output itself. */
export function complete(output: unknown): Outcome;
/** Commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there. */
export function next(phase: string, state?: unknown): Outcome;
/** Tries the same phase again; it counts as an attempt. What was awaited stays in the inbox. */
export function retry(options?: { state?: unknown; afterMs?: number }): Outcome;
/** Waits, holding nothing, then goes on at the phase. A year is the most. */
export function sleep(forMs: number, phase: string, state?: unknown): Outcome;
/** Waits, holding nothing, until any of these signals (32 at most) is in the run's inbox, then goes on at the phase. */
export function awaitSignals(names: string | string[], phase: string, state?: unknown, options?: { timeoutMs?: number }): Outcome;
/** Starts child runs (10,000 at most) and waits, holding nothing, until all of them ended; then goes on at the phase. */
export function spawn(children: Child[], phase: string, state?: unknown): Outcome;
/** The step is skipped, for this reason; what depends on it goes on without its output. */
export function skip(reason: string): Outcome;
/** The task failed for good, whatever attempts are left. */
export function fail(error: Error | string): Outcome;

/** The attempt's log: a message, and an object of fields for programs. `console` writes to it, too. */
export const log: Record<"trace" | "debug" | "info" | "warn" | "error", (message: string, fields?: Record<string, unknown>) => void>;
