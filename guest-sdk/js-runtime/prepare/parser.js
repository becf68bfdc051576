// The parser of sources, which gives up before its stack runs out: where that happens nobody can say what the place was.
import { Parser } from "acorn";

/** What is said where a source is nested more deeply than can be read. */
export const TOO_DEEP = "it is nested too deeply here; take a part out and give it a name";

/** What the stack has room for, with about a quarter to spare, and what is taken of it by each part inside of another. */
const ROOM = 1000;
const TAKEN = {
  parseStatement: 9,
  parseMaybeAssign: 6,
  parseMaybeUnary: 16,
  parseBindingAtom: 10,
  parseFunction: 6,
  parseClass: 10,
  parseNew: 6,
};
const BY_OPERATOR = 4;

export class CarefulParser extends Parser {
  #taken = 0;
  /** Where the row of operators begins that is being read. */
  #row;

  /** Operators in a row are one loop, not a call for each: in place of the call that would go on with a row, what there is of it. */
  parseExprOp(left, start, at, least, forInit) {
    if (start === this.#row) return left;
    const outer = this.#row;
    this.#row = start;
    this.take(BY_OPERATOR);
    let [read, before] = [left, undefined];
    while (read !== before) {
      before = read;
      read = super.parseExprOp(read, start, at, least, forInit);
    }
    this.take(-BY_OPERATOR);
    this.#row = outer;
    return read;
  }

  take(room) {
    this.#taken += room;
    if (this.#taken > ROOM) this.raise(this.start, TOO_DEEP);
  }
}

// The parser's own methods, under another name: every call in between is taken of the stack as well.
for (const [name, room] of Object.entries(TAKEN)) {
  const plain = `${name}Plainly`;
  CarefulParser.prototype[plain] = Parser.prototype[name];
  CarefulParser.prototype[name] = function (a, b, c, d, e) {
    this.take(room);
    const node = this[plain](a, b, c, d, e);
    this.take(-room);
    return node;
  };
}
