// What of a source a handler can do without: an attempt reads only what it may call, because reading is what it costs.
import { lines } from "./source.js";

const FUNCTIONS = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
/** Cuts that are shorter than this are not worth their own text. */
const LEAST = 40;
/** At most so many for one handler. */
const MOST = 32;

/** The changed source in one piece, and where each statement is in it that does nothing but declare functions. */
export class Parts {
  text = "";
  /** The statements that declare functions and do nothing, by the names. */
  #declaring = new Map();
  /** What is mentioned where something is done. */
  #mentioned = [];

  constructor(source, tree, { name, mentions }) {
    let at = 0;
    for (const statement of tree.body) {
      this.text += source.render(at, statement.start);
      const names = declared(statement, name);
      const from = this.text.length;
      this.text += source.render(statement.start, statement.end);
      at = statement.end;
      const mentioned = mentions.get(statement);
      const part = { mentioned, from, to: this.text.length };
      if (names) names.forEach((name) => this.#declaring.set(name, part));
      else if (statement.type !== "ExportNamedDeclaration" || statement.declaration) this.#mentioned.push(...mentioned);
    }
    this.text += source.render(at, source.text.length);
  }

  /** What can be cut for a name: start, end, and the lines that are left of it. What is evaluated may mention anything. */
  cuts(name) {
    const needed = new Set([name, ...this.#mentioned]);
    const kept = new Set();
    // The set grows while it is gone through.
    for (const name of needed) {
      const part = this.#declaring.get(name);
      if (!part || kept.has(part)) continue;
      kept.add(part);
      for (const mentioned of part.mentioned) needed.add(mentioned);
    }
    return needed.has("eval") ? [] : this.#joined(kept);
  }

  /** Neighbours are one cut. */
  #joined(kept) {
    const cuts = [];
    for (const part of new Set(this.#declaring.values())) {
      if (kept.has(part)) continue;
      const { from, to } = part;
      const last = cuts.at(-1);
      if (last && this.text.slice(last[1], from).trim() === "") last[1] = to;
      else cuts.push([from, to]);
    }
    const worth = cuts.filter(([from, to]) => to - from >= LEAST);
    return worth.slice(0, MOST).map(([from, to]) => [from, to, lines(this.text.slice(from, to))]);
  }
}

/** The names of a statement that does nothing but declare functions. */
function declared(statement, name) {
  const declaration = statement.type.startsWith("Export") ? statement.declaration : statement;
  if (declaration?.type === "VariableDeclaration") {
    const { kind, declarations } = declaration;
    const isPlain = ({ id, init }) => id.type === "Identifier" && FUNCTIONS.includes(init?.type);
    return kind === "const" && declarations.every(isPlain) ? declarations.map(({ id }) => id.name) : undefined;
  }
  const isFunction = FUNCTIONS.includes(declaration?.type) && statement.type !== "ExpressionStatement";
  return isFunction ? [declaration.id && declaration.type === "FunctionDeclaration" ? declaration.id.name : name("default")] : undefined;
}
