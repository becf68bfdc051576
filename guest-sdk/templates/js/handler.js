// {{name}}: prices an order. Every exported function is a handler; a flow names it with `handler = "..."`.
import { log, sleep, ValidationError } from "./stepcell/index.js";

/**
 * @typedef {{ id: string, items: { name: string, cents: number, count: number }[] }} Order
 * @typedef {import("./stepcell/index.js").Context<{ id: string }>} Context
 */

/**
 * Adds up an order.
 * @param {Order} order
 */
export function price(order) {
  if (!order?.items?.length) {
    throw new ValidationError("`items` is empty", { details: { field: "items" } });
  }
  const cents = order.items.reduce((sum, item) => sum + item.cents * item.count, 0);
  log.info("priced", { id: order.id, cents });
  return { id: order.id, cents };
}

/**
 * Answers a reminder a second later: while it sleeps, nothing is held.
 * @param {Order} order
 * @param {Context} context
 */
export function remind(order, { phase, state }) {
  if (phase === "awake") return `order ${state?.id} is still open`;
  return sleep(1000, "awake", { id: order.id });
}
