// What the types of the SDK take and what they refuse: it stands in the place of a new project's handler, and `tsc` must find
// nothing. Whatever is below a `@ts-expect-error` is refused; where it is not, that comment is an error.
import {
  awaitSignals,
  complete,
  DependencyError,
  fail,
  HandlerError,
  log,
  next,
  type Outcome,
  retry,
  skip,
  sleep,
  spawn,
  ValidationError,
} from "./stepcell/index.js";
import type { Compensate, Context, Flow, Handler, Json, OnError, Signal } from "./stepcell/index.js";
import { fetch } from "./stepcell/fetch.js";
import * as keyValue from "./stepcell/key-value.js";
import * as secrets from "./stepcell/secrets.js";

interface Order {
  id: string;
  items: { name: string; cents: number }[];
}

interface Price {
  cents: number;
}

// A flow: each member is known.
export const flow: Flow = {
  flow: "order",
  defaults: { timeout: "5s", max_attempts: 3, backoff: { strategy: "exponential", base: "1s" } },
  rate_limit: [{ name: "api", limit: 10, period: "1s" }],
  step: [
    { name: "price", handler: "price", grants: { fetch: ["api.example.com"], key_value: "read", secrets: ["API_KEY"] } },
    { name: "wait", builtin: { wait: "PT2S" }, needs: ["price"], when: { price: { cents: 1 } }, on_unmet: "skip" },
  ],
};
// @ts-expect-error It is `step`.
export const misspelled: Flow = { flow: "order", steps: [] };
// @ts-expect-error It is `handler`.
export const misnamed: Flow = { flow: "order", step: [{ name: "price", handlers: "price" }] };
// @ts-expect-error A duration is text with its unit.
export const unitless: Flow = { flow: "order", step: [{ name: "price", timeout: 5 }] };

// Handlers: an output, an outcome, or a promise of either.
export const price: Handler<Order, Price> = ({ items }) => ({ cents: items.reduce((sum, { cents }) => sum + cents, 0) });
export const remind: Handler<Order, string, { id: string }> = (order, { phase, state }) =>
  phase === "awake" ? `order ${state?.id} is still open` : sleep(1000, "awake", { id: order.id });
export const later: Handler<Order> = async (order): Promise<Order> => order;
export function typed(order: Order, context: Context<{ id: string }, Order>) {
  return [order.id, context.state?.id ?? null, context.flowInput.items.length];
}
// @ts-expect-error Text is no price.
export const wrong: Handler<Order, Price> = () => "450";
// @ts-expect-error A handler answers something; `null` says that there is nothing.
export const silent: Handler<Order> = () => {};
// @ts-expect-error An order has no such member.
export const unread: Handler<Order, Price> = (order) => ({ cents: order.itms.length });

// The attempt.
export const asks: Handler<Order> = (_order, context) => {
  const decisions = context.awaited as Signal<{ approved: boolean }>[];
  const failed = context.children.filter(({ status }) => status === "failed").map(({ key, error }) => ({ key, error }));
  // @ts-expect-error It is a method.
  if (context.cancelled === true) return null;
  // @ts-expect-error Nobody said what the state is.
  if (context.state.id) return null;
  // @ts-expect-error What an attempt is told does not change.
  context.attempt = 1;
  return { approved: decisions[0]?.payload.approved ?? false, failed, left: context.remainingMs(), last: context.isLastAttempt };
};

// Outcomes: what is kept can be written as JSON.
export function outcomes(order: Order): Outcome[] {
  // @ts-expect-error A wait is a number of milliseconds.
  sleep("1s", "awake");
  // @ts-expect-error A wait goes on at a phase.
  sleep(1000);
  // @ts-expect-error It is `timeoutMs`.
  awaitSignals("approved", "decided", null, { timeout: 1000 });
  // @ts-expect-error A child has a flow.
  spawn([{ input: 1 }], "joined");
  // @ts-expect-error Somebody forgot to `await`.
  next("two", keyValue.get("count"));
  // @ts-expect-error A Map has no JSON.
  complete({ prices: new Map([["tea", 450]]) });
  // @ts-expect-error Nor has a list of them.
  complete([new Map([["tea", 450]])]);
  // @ts-expect-error A list has no gaps.
  complete([undefined]);
  // @ts-expect-error An error is thrown, or what fails.
  complete(new TypeError("no items"));
  // @ts-expect-error An outcome is made by the SDK alone.
  const made: Outcome = { tag: "skip" };
  return [
    complete(order), complete(null), next("two"), next("two", order), retry({ state: order, afterMs: 10 }),
    awaitSignals(["approved", "refused"], "decided", order, { timeoutMs: 1000 }), spawn([{ flow: "pay", input: order, key: "a" }], "paid"),
    skip("nothing to do"), fail("for good"), fail(new ValidationError("no items", { details: { field: "items" } })), made,
  ];
}

// What is kept may have a type of its own.
interface Note {
  name: string;
  message: string;
  at?: Date;
}
class Cart {
  items: string[] = [];
  total() {
    return this.items.length;
  }
}
export const kept = (note: Note, cart: Cart, notes: readonly Note[]) => [complete(note), next("two", cart), sleep(1, "two", { notes })];
export const keeps = <State extends Json>(state: State) => next("two", state);

// Errors.
export function errors(): HandlerError[] {
  // @ts-expect-error It is `details`.
  new ValidationError("no items", { detail: 1 });
  // @ts-expect-error There are four kinds.
  new HandlerError("fatal", "no items");
  return [new HandlerError("execution", "broken"), new DependencyError("not there yet", { retryAfterMs: 1000, cause: new Error("down") })];
}
export const onError: Record<string, OnError<Order>> = {
  price: (_order, { kind }, { attempt }) => (kind === "timeout" && attempt < 3 ? retry({ afterMs: 10 }) : undefined),
  // @ts-expect-error It answers an outcome or nothing.
  remind: () => "again",
};
export const compensate: Record<string, Compensate<Order, Price>> = {
  price: (order, { cents }) => log.info("gave back", { id: order.id, cents }),
};

// Beyond computing.
export async function reaches(order: Order): Promise<Price> {
  const headers = { authorization: `Bearer ${secrets.placeholder("API_KEY")}` };
  const answer = await fetch("https://api.example.com/prices", { method: "POST", headers, json: order, timeoutMs: 1000 });
  const count = (await keyValue.get<number>("count")) ?? 0;
  await keyValue.set("count", count + 1);
  // @ts-expect-error It is `timeoutMs`.
  await fetch("https://api.example.com", { timeout: 1000 });
  // @ts-expect-error Bytes have a function of their own.
  await keyValue.set("bytes", new Uint8Array(3));
  // @ts-expect-error No time passes while a handler runs.
  setTimeout(() => {}, 100);
  // @ts-expect-error There is no DOM.
  new URL("https://api.example.com");
  log.info("priced", order);
  console.log("%s: %s", crypto.randomUUID(), answer.headers.get("content-type"));
  return answer.orThrow().json<Price>();
}
