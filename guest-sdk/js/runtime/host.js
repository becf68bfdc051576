// The host as the SDK's modules reach it: bound by a component's entry, absent in a test that runs in Node.

/** The interfaces `context` and `log`, and whether an export of the component is being called. */
export const host = { context: undefined, log: undefined, isCalled: false };

// What there was before the SDK's own: Node's in a test, none in a component.
const outerConsole = globalThis.console;

/** Writes one record; without a host to the console of where it runs. `fields` is JSON text. */
export function record(level, message, fields) {
  if (host.log) {
    host.log.write(level, message.toWellFormed(), fields ?? null);
  } else {
    outerConsole?.[level](fields ? `${message} ${fields}` : message);
  }
}

/** Refuses to ask the host for something while the component is built, when there is none. */
export function mustBeCalled(what) {
  if (host.isCalled) return;
  throw new Error(`${what} in top-level code, which runs once while the component is built; move it into a handler`);
}
