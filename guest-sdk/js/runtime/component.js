// Makes the exports of a handlers' module the exports of a component.
import { Context } from "./context.js";
import { ConfigurationError, HandlerError } from "./errors.js";
import { EnginePromise } from "./globals.js";
import { record } from "./host.js";
import { parse, write } from "./json.js";
import { Outcome, text } from "./outcomes.js";
import { Promise, runJobs, takeUnhandled } from "./promise.js";
import { reading } from "./reading.js";
import { show } from "./show.js";
import { wireError } from "./wire.js";

const SPECIAL = ["onError", "compensate"];
const NAME = /^[a-zA-Z_][a-zA-Z0-9_-]{0,127}$/;
/** What an attempt may use where its step does not say: an interpreter takes more than the host gives by itself. */
const LIMITS = { memory_bytes: 128 * 1024 * 1024, fuel: 20_000_000_000 };

/** What the component exports, by the handlers' module. Throws where the module can be no component. */
export function component(module) {
  const [fault] = faults(module);
  if (fault) throw new Error(fault.message);
  return exportsOf(module);
}

/** The same of a module that was checked. */
export function exportsOf(module) {
  const names = namesOf(module);
  const handlers = Object.fromEntries(names.map((name) => [name, module[name]]));
  return {
    handle: (input) => guarded(() => handle(handlers, input)),
    onError: (input, failure) => guarded(() => onError(names, module.onError, input, failure)),
    compensate: (input, output) => guarded(() => compensate(names, module.compensate, input, output)),
    describe: () => describe(names, module),
  };
}

/** Why a module can be no component, by the exports that are wrong; without a name: all of it. */
export function faults(module) {
  const names = namesOf(module);
  if (names.length === 0) {
    return [{ message: "the handlers' module exports no function; write `export default function (input, context) { ... }`" }];
  }
  const message = (name) =>
    `the handler \`${name}\` cannot be named in a flow: letters, digits, \`_\` and \`-\`, no digit or \`-\` in front, at most 128`;
  const unnamed = names.filter((name) => !NAME.test(name)).map((name) => ({ name, message: message(name) }));
  const special = SPECIAL.filter((name) => name in module).flatMap((name) => {
    const message = reading(() => specialFault(name, module[name], names), `\`${name}\` cannot be read: reading it throws`);
    return message ? [{ name, message }] : [];
  });
  return [...unnamed, ...special, ...flowFaults(module)];
}

/** Why a special export is none. */
function specialFault(name, special, handlers) {
  if (typeof special === "function") return undefined;
  if (typeof special !== "object" || special === null) {
    return `\`${name}\` is neither a function nor an object of functions by handler; make it one, or remove it`;
  }
  const unknown = Object.keys(special).find((key) => !handlers.includes(key));
  if (unknown !== undefined) {
    return `\`${name}\` names \`${unknown}\`, which is no handler, only ${listed(handlers)}; change the name`;
  }
  const wrong = Object.keys(special).find((key) => typeof special[key] !== "function");
  return wrong && `\`${name}.${wrong}\` is no function; make it one, or remove it`;
}

function flowFaults({ flow }) {
  if (flow === undefined || typeof flow === "function") return [];
  const fault = (why) => [{ name: "flow", message: `\`flow\` is the flow that the component carries, and ${why}` }];
  if (typeof flow !== "object" || flow === null || Array.isArray(flow)) {
    return fault('it is no object; export one as `{ flow: "order", step: [...] }`, or give this another name');
  }
  try {
    write(flow);
    return [];
  } catch (error) {
    return fault(`cannot be written as JSON: ${error.message}`);
  }
}

function namesOf(module) {
  return Object.keys(module).filter((name) => typeof module[name] === "function" && !SPECIAL.includes(name));
}

function describe(names, { compensate: undo, flow }) {
  const said = { handlers: names, limits: LIMITS };
  if (undo !== undefined && typeof undo !== "function") said.compensates = Object.keys(undo);
  // A function of this name is a handler.
  if (typeof flow !== "function") said.flow = flow;
  return write(said);
}

/** Calls, and throws what the line takes: an error that is not caught is a trap. */
function guarded(call) {
  try {
    return call();
  } catch (thrown) {
    throw wireError(thrown);
  }
}

function handle(handlers, input) {
  const context = new Context();
  const [name, handler] = find(handlers, context.handler);
  const answer = settled(() => handler(read(input), context), name);
  if (answer instanceof Outcome) return plain(answer);
  return { tag: "complete", val: text(answer, `what handler \`${name}\` returned`) };
}

function onError(names, decide, input, failure) {
  const context = new Context();
  const decision = byHandler(decide, meant(names, context.handler));
  if (!decision) return null;
  const details = failure.details === null || failure.details === undefined ? undefined : parse(failure.details);
  const answer = settled(() => decision(read(input), { ...failure, details }, context), "onError");
  if (answer === undefined || answer === null) return null;
  if (!(answer instanceof Outcome)) {
    throw new ConfigurationError("`onError` answers an outcome (`retry()`, `next(...)`, `complete(output)`, ...) or nothing");
  }
  return plain(answer);
}

function compensate(names, undo, input, output) {
  const context = new Context();
  const undoing = byHandler(undo, meant(names, context.handler));
  // A handler without one has nothing to undo.
  if (undoing) settled(() => undoing(read(input), parse(output), context), "compensate");
}

/** The function for a handler, of a map by handler or one for all. */
function byHandler(special, handler) {
  if (typeof special !== "object") return special;
  return Object.hasOwn(special, handler) ? special[handler] : undefined;
}

/** The name of the handler that is meant: the only one or the default one where no name is given. */
function meant(names, name) {
  return name === "" && names.length === 1 ? names[0] : name || "default";
}

function find(handlers, name) {
  const names = Object.keys(handlers);
  const found = meant(names, name);
  if (Object.hasOwn(handlers, found)) return [found, handlers[found]];
  throw new ConfigurationError(
    name === ""
      ? `the component carries several handlers (${listed(names)}), and the step names none; add \`handler = ...\``
      : `the component has no handler \`${name}\`, only ${listed(names)}; change the step's \`handler\``,
  );
}

function listed(names) {
  return names.map((name) => `\`${name}\``).join(", ");
}

function read({ tag, val }) {
  if (tag !== "deps") return parse(val);
  return parse(`{${val.map(([step, json]) => `${JSON.stringify(step)}:${json}`).join(",")}}`);
}

/** What a function answers, or what its promise becomes once every job is done. */
function settled(call, name) {
  let answer;
  try {
    answer = call();
  } catch (thrown) {
    runJobs();
    throw thrown;
  }
  if (answer instanceof EnginePromise) {
    throw new ConfigurationError(
      `\`${name}\` answers a Promise that was not made by this component's code; build it with \`stepcell build\``,
    );
  }
  let ended;
  Promise.resolve(answer).then(
    (value) => (ended = { value }),
    (thrown) => (ended = { thrown }),
  );
  runJobs();
  for (const reason of takeUnhandled()) record("warn", `unhandled rejection: ${show(reason)}`, undefined);
  if (!ended) {
    throw new HandlerError("configuration", `\`${name}\` waits for a promise that nothing will ever settle`);
  }
  if ("thrown" in ended) throw ended.thrown;
  return ended.value;
}

function plain({ tag, val }) {
  return { tag, val };
}
