// {{name}}: prices an order. Every exported function is a handler; a flow names it with `handler = "..."`.
import { log, sleep, ValidationError, type Context } from "./stepcell/index.js";

interface Order {
  id: string;
  items: { name: string; cents: number; count: number }[];
}

interface Price {
  id: string;
  cents: number;
}

/** Adds up an order. */
export function price(order: Order): Price {
  if (!order?.items?.length) {
    throw new ValidationError("`items` is empty", { details: { field: "items" } });
  }
  const cents = order.items.reduce((sum, item) => sum + item.cents * item.count, 0);
  log.info("priced", { id: order.id, cents });
  return { id: order.id, cents };
}

/** Answers a reminder a second later: while it sleeps, nothing is held. */
export function remind(order: Order, { phase, state }: Context<{ id: string }>) {
  if (phase === "awake") return `order ${state?.id} is still open`;
  return sleep(1000, "awake", { id: order.id });
}
