// Secrets, which a handler uses and never sees: `grants = { fetch = ["api.example.com"], secrets = ["API_KEY"] }`. The host
// puts the value in the placeholder's place in the headers of a request, toward the hosts the secret is granted for.
import wire from "stepcell:handler/secrets@0.1.0";
import { ConfigurationError } from "./runtime/errors.js";
import { mustBeCalled } from "./runtime/host.js";
import { refusal } from "./runtime/wire.js";

/** The names the step was granted. */
export function names() {
  mustBeCalled("secrets are asked for");
  return wire.names();
}

/** What stands for a secret in the headers of this attempt's requests. */
export function placeholder(name) {
  mustBeCalled("a secret is asked for");
  try {
    return wire.placeholder(String(name).toWellFormed());
  } catch (error) {
    const { tag, val } = refusal(error);
    throw tag === "denied" ? new ConfigurationError(val) : error;
  }
}
