// A source: its text, its syntax tree, what is wrong with it, and the changes that make a program of it.
import { CarefulParser, TOO_DEEP } from "./parser.js";

/** What the parser knows: what the engine knows too. */
const EDITION = 2025;

/** What ends a line and is no `\n`. A statement may end there, in a comment too. */
const LINE_END = /[\u2028\u2029]/;

/** Where nothing is said: white space and comments, each of which matches in one way alone. Goes into other patterns. */
const GAP = "(?:\\s|/\\*[^*]*\\*+(?:[^/*][^*]*\\*+)*/|//.*$)*";

export class Source {
  #edits = [];
  #isSorted = false;

  constructor(text) {
    // One line end for all: in strings and templates too they are read as this one (ECMA-262, 12.9.6).
    this.text = text.replace(/\r\n?/g, "\n");
    this.problems = [];
  }

  /** The syntax tree; undefined where it is none, which is a problem then. */
  tree() {
    try {
      // A comment costs every attempt what it takes to read it. What begins with `#!` is one too.
      const onComment = (_block, text, start, end) => this.replace(start, end, LINE_END.exec(text)?.[0] ?? " ");
      return CarefulParser.parse(this.text, { ecmaVersion: EDITION, sourceType: "module", onComment });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const said = error.message.replace(/ \(\d+:\d+\)$/, "");
      this.refuse(error.pos, said === TOO_DEEP ? said : `the syntax is wrong: ${said[0].toLowerCase()}${said.slice(1)}`);
      return undefined;
    }
  }

  /** Adds a problem at a place. */
  refuse(at, message) {
    const before = this.text.slice(0, at).split("\n");
    this.problems.push({ line: before.length, column: before.at(-1).length + 1, message });
  }

  /** Where a pattern ends that begins at a place, `GAP` standing for what may be between; it has to be there. */
  after(at, pattern) {
    const sticky = new RegExp(pattern.replaceAll("GAP", GAP), "my");
    sticky.lastIndex = at;
    if (!sticky.test(this.text)) throw new Error(`the source has no ${pattern} at ${at}`);
    return sticky.lastIndex;
  }

  /** Where a statement ends without its semicolon. */
  endOf(statement) {
    return this.text[statement.end - 1] === ";" ? statement.end - 1 : statement.end;
  }

  /** Puts another text in a place; lines stay what they are. `text` may be a function, called at the end. What begins at one
   * place is put there in the order of the calls, and what is inside of another change is left to that one. `of`: where that begins which
   * it belongs to. */
  replace(start, end, text, of = start) {
    this.#edits.push({ start, end, text, of });
  }

  /** A part of the text with the changes inside of it. */
  render(from, to) {
    this.#sort();
    let [text, at] = ["", from];
    for (let next = this.#first(from); next < this.#edits.length; next += 1) {
      const edit = this.#edits[next];
      if (edit.end > to) break;
      if (edit.start < at || edit.of < from || edit.of >= to) continue;
      text += this.text.slice(at, edit.start) + this.#inPlace(edit);
      at = edit.end;
    }
    return text + this.text.slice(at, to);
  }

  #sort() {
    if (this.#isSorted) return;
    this.#edits.sort((a, b) => a.start - b.start);
    this.#isSorted = true;
  }

  /** The index of the first change from a place on. */
  #first(from) {
    let [low, high] = [0, this.#edits.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#edits[middle].start < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #inPlace({ start, end, text }) {
    const made = typeof text === "function" ? text() : text;
    return made + "\n".repeat(lines(this.text.slice(start, end)) - lines(made));
  }
}

/** How many lines a text ends. */
export function lines(text) {
  return text.split("\n").length - 1;
}
