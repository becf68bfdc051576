// A quote for an order. The flow is part of the source: uploading this one file registers it.
import { log, ValidationError } from "stepcell";

const PRICES = { tea: 320, cup: 900, pot: 2450 };

/** What the order costs, in cents. */
export function price({ customer, items }) {
  const lines = items.map(({ name, count }) => {
    if (!Object.hasOwn(PRICES, name)) throw new ValidationError(`there is no \`${name}\`; there is ${Object.keys(PRICES).join(", ")}`);
    return { name, count, cents: PRICES[name] * count };
  });
  const cents = lines.reduce((sum, line) => sum + line.cents, 0);
  log.info("priced an order", { customer, cents });
  return { customer, lines, cents };
}

/** The quote as text. */
export async function write({ price: { customer, lines, cents } }) {
  const money = (cents) => (cents / 100).toFixed(2);
  const rows = lines.map(({ name, count, cents }) => `${String(count).padStart(4)} × ${name.padEnd(8)}${money(cents).padStart(9)}`);
  return [`For ${customer}:`, ...rows, `${"".padEnd(15)}${money(cents).padStart(9)}`].join("\n");
}

export const flow = {
  flow: "quote",
  step: [
    { name: "price", handler: "price" },
    { name: "write", handler: "write", needs: ["price"] },
  ],
};
