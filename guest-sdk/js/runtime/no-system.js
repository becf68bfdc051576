// For a bundle that mentions neither the time nor chance, so that its component does not import `system`.
import { install } from "./clock.js";

const missing = (what) => () => {
  throw new Error(`${what} was not found when the component was built; mention \`Date\`, \`Math.random\` or \`crypto\` by its name`);
};

install({ nowMs: missing("a use of the time"), randomBytes: missing("a use of chance") });
