// Where an error was made, in the words of the project: its files and lines, not the bundle's.
import { cap } from "./show.js";

const MOST_BYTES = 4096;
const PLACE = /\(?\/component\.js:(\d+)(?::\d+)?\)?/;
// Code that was evaluated has no file of its own.
const EVALUATED = /\(?<input>:(\d+)(?::\d+)?\)?/;

/** The stack of an error, innermost call first, without the SDK's own calls; at most 4 KiB. */
export function stackOf(error) {
  const frames = (error.stack ?? "").split("\n").map((frame) => frame.trim());
  return capBytes(frames.map(place).filter(Boolean).join("\n"));
}

/** A character has at most three bytes for each UTF-16 unit. */
function capBytes(text) {
  return /^[\0-\x7f]*$/.test(text) ? cap(text, MOST_BYTES) : cap(text, Math.floor(MOST_BYTES / 3));
}

/** A frame as the project's; nothing for one of the SDK or the engine. */
function place(frame) {
  const found = PLACE.exec(frame);
  const places = globalThis.stepcellPlaces;
  if (!found) return frame.endsWith("(native)") ? undefined : evaluated(frame, places?.evaluated);
  if (!places) return frame;
  const line = Number(found[1]);
  const run = places.runs.findLast(([from]) => from <= line);
  if (!run || run[1] < 0) return undefined;
  return frame.replace(found[0], `(${places.sources[run[1]]}:${run[2] + line - run[0]})`).replace("<anonymous> ", "");
}

/** A frame of evaluated code, which is a file where a runtime evaluates one. */
function evaluated(frame, file) {
  return file === undefined ? frame : frame.replace(EVALUATED, `(${file}:$1)`).replace("<anonymous> ", "");
}
