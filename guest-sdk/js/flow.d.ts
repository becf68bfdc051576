// Types of a flow that a component carries: what `flow.toml` would say. The host refuses members that are not here.

/**
 * A flow that the component carries, exported as `flow`. It is registered when the component is uploaded.
 *
 *     export const flow: Flow = { flow: "order", step: [{ name: "price" }, { name: "pay", handler: "pay", needs: ["price"] }] };
 */
export interface Flow {
  /** The flow's name. */
  flow: string;
  /** For people. */
  description?: string;
  /** What the input of a run must match, a JSON Schema. */
  input_schema?: JsonSchema;
  /** How long a run may take: `"1h"`. */
  deadline?: string;
  /** What steps go by that say nothing else. */
  defaults?: FlowSettings;
  /** Rates that steps take from. */
  rate_limit?: readonly FlowRate[];
  /** Handlers that follow each other, in place of `step`. */
  chain?: readonly string[];
  /** Its steps. */
  step?: readonly FlowStep[];
}

/** What a step and the flow's `defaults` may say. */
export interface FlowSettings {
  /** Another component, by its digest. */
  component?: string;
  /** Wall clock of one attempt: `"30s"`. */
  timeout?: string;
  /** Attempts in all. */
  max_attempts?: number;
  /** Attempts after the first one, in place of `max_attempts`. */
  max_retries?: number;
  /** How long to wait before another attempt. */
  backoff?: {
    strategy?: "fixed" | "linear" | "exponential";
    base?: string;
    factor?: number;
    max?: string;
    /** From 0 to 1. */
    jitter?: number;
  };
  /** Memory of an attempt: `"128MiB"`. */
  memory?: string;
  /** Fuel of an attempt. */
  fuel?: number;
  /** The largest output: `"1MiB"`. */
  output?: string;
  /** The most that an attempt may log: `"64KiB"`. */
  log?: string;
  /** What follows when no attempt is left. */
  on_exhausted?: FlowPolicy;
}

/** A step of a flow. It calls this component unless it names another one or something built in. */
export interface FlowStep extends FlowSettings {
  /** Unique in the flow. */
  name: string;
  /** Which handler is meant; a component with one needs no name for it. */
  handler?: string;
  /** A call, a wait or a value, in place of a component. */
  builtin?: FlowBuiltin;
  /** What it may reach. */
  grants?: FlowGrants;
  /** The steps that must end before this one starts. */
  needs?: readonly string[];
  /** One task for each element of the array that the one step it needs answers. */
  map?: boolean;
  /** How long to wait before the first attempt. */
  start_delay?: string;
  /** Attempts with the same key: one at a time, or as many as `limit` says. */
  concurrency?: string | { key: string; limit?: number };
  /** The rate that an attempt takes from. */
  rate_limit?: string | { name: string; key?: string; weight?: number };
  /** What the run's input, or the outputs of what it needs, must contain. */
  when?: unknown;
  /** What they must not contain. */
  unless?: unknown;
  /** Steps it needs that must have been skipped. */
  when_skipped?: readonly string[];
  /** What follows when that does not hold. */
  on_unmet?: FlowPolicy;
  /** Whether its children go on when the run fails or is cancelled. */
  abandon_children?: boolean;
  /** What its input must match. */
  input_schema?: JsonSchema;
  /** What its output must match. */
  output_schema?: JsonSchema;
}

/** What a step may reach: `{ fetch: ["api.example.com"], key_value: true }`. */
export interface FlowGrants {
  /** The hosts that requests may go to. */
  fetch?: readonly string[];
  /** Values that outlive the run; `"read"` for looking alone. */
  key_value?: boolean | "read";
  /** Secrets by name; `to` says which hosts one may go to. */
  secrets?: readonly (string | { name: string; to?: readonly string[] })[];
  /** A folder of so many bytes: `"16MiB"`. */
  scratch?: boolean | string;
}

/** What a step does that calls no component. Texts of `set` and `http` may have `${…}`. */
export type FlowBuiltin =
  | { wait: string }
  | { set: unknown }
  | { inject: unknown }
  | {
      http: {
        url: string;
        method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
        headers?: { [name: string]: string };
        body?: unknown;
      };
    };

/** A rate: so many in a period, so many at once. */
export interface FlowRate {
  name: string;
  limit: number;
  period: string;
  burst?: number;
}

/** What follows when a step does not come to an output. */
export type FlowPolicy = "fail" | "skip" | "skip_cascade";

/** A JSON Schema. */
export type JsonSchema = boolean | object;
