// Reading what handlers throw and log: it may be anything, and what is asked of it may throw.

/** What the engine throws, where there is one. */
const { InternalError } = globalThis;

/** What an error and its stack would take, many times over, in bytes. */
const ROOM = 1 << 20;

/** What a call answers; something else where it throws. */
export function reading(call, otherwise) {
  try {
    return call();
  } catch (thrown) {
    if (isOutOfMemory(thrown)) throw thrown;
    return otherwise;
  }
}

/** Whether it is what the engine throws when it was refused memory: an error, or null where there was none for that either. */
export function isOutOfMemory(thrown) {
  try {
    if (thrown === null) return !hasRoom();
    return thrown instanceof InternalError && thrown.message === "out of memory";
  } catch {
    return false;
  }
}

/** Whether there is memory for more. */
function hasRoom() {
  try {
    return new Uint8Array(ROOM).length === ROOM;
  } catch {
    return false;
  }
}
