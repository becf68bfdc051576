// Lowers async functions, `await` and `for await` onto generators, in place: promises are the SDK's, whose jobs it runs itself,
// and the engine's syntax would make its own. The code of a function stays where it is, with its parameters, and becomes a generator's:
//
//     async function f(a, b = g()) { return await a + b; }
//     function f($0) { return $async(this, arguments, function* (a, b = g()) { return (yield( a)) + b; }); }


const FUNCTIONS = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
/** How deep the tree may be: the stack of the walk has room for more. */
const DEEPEST = 550;
const TOO_DEEP = `it is nested more than ${DEEPEST} deep here (operators and calls of a row count); take a part out and give it a name`;
const BODIES = new Set([...FUNCTIONS, "PropertyDefinition", "StaticBlock"]);
const OF_FUNCTION = { arguments: "arguments", target: "new.target" };

/** Code with a `this` of its own, or an arrow function. */
class Body {
  constructor(node, outer) {
    this.outer = outer;
    this.isArrow = node.type === "ArrowFunctionExpression";
    this.isAsync = node.async === true;
    this.isGenerator = node.generator === true;
    /** What its generator cannot reach by itself: `this`, `arguments`, `target`, `super`. */
    this.needs = new Set();
  }

  /** The outermost generator between this code and the function that `this` is of; `arguments` are hidden by arrows alone. */
  hidden(byFunctions) {
    let found;
    for (let body = this; body; body = body.isArrow ? body.outer : undefined) {
      if (body.isAsync && (body.isArrow || byFunctions)) found = body;
    }
    return found;
  }

  /** Whether no function but arrows is around this code. */
  get isOutside() {
    return this.outer === undefined || (this.isArrow && this.outer.isOutside);
  }
}

/** Lowers a tree. Answers how to name what the program is given, as no name of the source's is, and what each statement mentions. */
export function lower(source, tree) {
  const lowering = new Lowering(source);
  lowering.visit(tree, new Body(tree), undefined);
  return { name: (word) => lowering.name(word), mentions: lowering.mentions };
}

/** One walk; a method for each type of node that is changed. It answers what is put behind the node: start, end, text. */
class Lowering {
  /** The names in each statement of the module. */
  mentions = new Map();
  #mentioned;
  #source;
  #tail = "";
  #depth = 0;
  // Where an expression statement begins that follows another one.
  #starts = new Set();
  #labels = new Map();

  constructor(source) {
    this.#source = source;
  }

  name(word) {
    return `$${word}${this.#tail}`;
  }

  visit(node, body, parent, role) {
    if (this.#depth > DEEPEST) {
      this.#source.refuse(node.start, TOO_DEEP);
      return;
    }
    this.#depth += 1;
    if (parent?.type === "Program") this.mentions.set(node, (this.#mentioned = new Set()));
    const own = BODIES.has(node.type) ? new Body(node, body) : body;
    const behind = this[node.type]?.(node, own, parent, role);
    for (const name in node) {
      const child = node[name];
      if (typeof child !== "object" || child === null) continue;
      // A computed name of a field is not the field's code.
      const within = name === "key" ? body : own;
      if (Array.isArray(child)) child.forEach((one) => one && this.visit(one, within, node, name));
      else if (typeof child.type === "string") this.visit(child, within, node, name);
    }
    if (behind) this.#source.replace(...behind, node.start);
    this.#depth -= 1;
  }

  Program(node) {
    this.#list(node.body);
  }

  BlockStatement(node) {
    this.#list(node.body);
  }

  StaticBlock(node) {
    this.#list(node.body);
  }

  SwitchCase(node) {
    this.#list(node.consequent);
  }

  #list(statements) {
    for (const { type, start } of statements) {
      if (type === "ExpressionStatement") this.#starts.add(start);
    }
  }

  /** What goes in front of a `(`: it must not become a call of what is on the line before. */
  #apart(start) {
    return this.#starts.has(start) ? ";" : "";
  }

  AwaitExpression(node, body) {
    if (!body.isAsync) {
      this.#source.refuse(node.start, "`await` in top-level code; move it into an async function");
      return undefined;
    }
    const [start, word] = [node.start, "await"];
    this.#source.replace(start, start + word.length, () => `${this.#apart(start)}(yield${this.#wait(body)}(`);
    return [node.end, node.end, "))"];
  }

  /** In an async generator, what is waited for is told from what is answered. */
  #wait(body) {
    return body.isGenerator ? ` ${this.name("wait")}` : "";
  }

  ReturnStatement(node, body) {
    if (!node.argument || !body.isAsync || !body.isGenerator) return undefined;
    this.#source.replace(node.start, node.start + "return".length, () => `return(yield${this.#wait(body)}(`);
    const end = this.#source.endOf(node);
    return [end, end, "))"];
  }

  YieldExpression(node, body) {
    if (!node.delegate || !body.isAsync) return;
    const instead = "write `for await (const one of others) yield one`";
    this.#source.refuse(node.start, `\`yield*\` in an async generator is not possible in a source of one file; ${instead}`);
  }

  FunctionDeclaration(node, body, parent) {
    return this.#function(node, body, parent);
  }

  FunctionExpression(node, body, parent) {
    return this.#function(node, body, parent);
  }

  #function(node, body, parent) {
    if (!body.isAsync) return undefined;
    const isMethod = parent.type === "MethodDefinition" || (parent.type === "Property" && parent.method);
    if (isMethod) this.#bareMethod(parent);
    const name = node.id ? ` ${this.#source.text.slice(node.id.start, node.id.end)}` : "";
    const head = node.id ? node.id.end : this.#source.after(node.start, isMethod ? "" : "asyncGAPfunctionGAP\\*?");
    const parameters = this.#source.after(head, "GAP(?=\\()");
    const run = () => this.name(body.isGenerator ? "generate" : "async");
    this.#source.replace(node.start, parameters, () =>
      `${isMethod ? "" : `function${name}`}(${this.#places(node)}) { ${this.#kept(body)}return ${run()}(this, arguments, function* `);
    return [node.end, node.end, "); }"];
  }

  /** Takes `async` and `*` away from a method. */
  #bareMethod(method) {
    const start = method.static ? this.#source.after(method.start, "staticGAP") : method.start;
    // What is behind it must not go on with the field in front of it.
    const apart = method.type === "MethodDefinition" && !method.static ? ";" : "";
    this.#source.replace(start, this.#source.after(start, "asyncGAP(?:\\*GAP)?"), apart);
  }

  ArrowFunctionExpression(node, body) {
    if (!body.isAsync) return undefined;
    const { text } = this.#source;
    const head = this.#source.after(node.start, "asyncGAP");
    const [open, close] = text[head] === "(" ? ["", ""] : ["(", ")"];
    const last = node.params.length > 0 ? node.params.at(-1).end : head;
    const behind = this.#source.after(last, "(?:GAP[(),]?)*?=>");
    const places = () => [this.#places(node), node.params.length > 0 && `...${this.name("rest")}`].filter(Boolean).join(", ");
    this.#source.replace(node.start, head, () => {
      const kept = this.#kept(body);
      return `${this.#apart(node.start)}(${places()}) => ${kept && `{ ${kept}return `}${this.name("async")}(` +
        `${body.needs.has("this") ? "this" : "void 0"}, [${places()}], function* ${open}`;
    });
    this.#source.replace(behind - "=>".length, behind, close + (node.expression ? "{ return(" : ""));
    return [node.end, node.end, () => `${node.expression ? "); }" : ""})${this.#kept(body) && "; }"}`];
  }

  /** Parameters that keep a function's `length`. */
  #places({ params }) {
    const end = params.findIndex(({ type }) => type === "AssignmentPattern" || type === "RestElement");
    const counted = end < 0 ? params : params.slice(0, end);
    return counted.map((_, index) => this.name(index)).join(", ");
  }

  /** What the generator cannot reach by itself. */
  #kept(body) {
    let text = "";
    for (const [word, value] of Object.entries(OF_FUNCTION)) {
      if (body.needs.has(word)) text += `const ${this.name(word)} = ${value}; `;
    }
    if (!body.needs.has("super")) return text;
    const reference = `${this.name("reference")}(() => super[key], (value) => { super[key] = value; })`;
    return `${text}const ${this.name("super")} = (key) => ${reference}; `;
  }

  ThisExpression(_, body) {
    for (let one = body; one?.isArrow; one = one.outer) one.needs.add("this");
  }

  Identifier(node, body, parent, role) {
    if (node.name.startsWith("$")) while (node.name.endsWith(this.#tail)) this.#tail += "_";
    const isName = ["key", "property", "label"].includes(role) && !parent.computed;
    if (!isName) this.#mentioned.add(node.name);
    if (node.name !== "arguments" || isName || parent.type.endsWith("Specifier")) return;
    if (body.isOutside) this.#source.refuse(node.start, "`arguments` is not defined outside of a function");
    const found = body.hidden(false);
    if (!found) return;
    found.needs.add("arguments");
    const whole = parent.type === "Property" && parent.shorthand ? "arguments: " : "";
    this.#source.replace(node.start, node.end, () => whole + this.name("arguments"));
  }

  MetaProperty(node, body) {
    if (node.meta.name === "import") {
      this.#source.refuse(node.start, "`import.meta` is not known here: a source has no place");
      return;
    }
    const found = body.hidden(false);
    if (!found) return;
    found.needs.add("target");
    this.#source.replace(node.start, node.end, () => this.name("target"));
  }

  ImportExpression(node) {
    const message = "`import()` is not possible in a source of one file; write `import { ... } from \"stepcell\"` on its first lines";
    this.#source.refuse(node.start, message);
  }

  CallExpression(node, body) {
    if (node.callee.type !== "Super" || !body.hidden(true)) return;
    this.#source.refuse(node.start, "`super()` in an async function; call it in the constructor itself");
  }

  MemberExpression(node, body, parent, role) {
    const found = node.object.type === "Super" ? body.hidden(true) : undefined;
    if (!found) return undefined;
    found.needs.add("super");
    this.ThisExpression(node, body);
    const isCalled = role === "callee" || role === "tag";
    const behind = `).value${isCalled ? `${parent.optional ? "?" : ""}.bind(this)` : ""}`;
    const { start, end, property } = node;
    const inside = node.computed ? this.#source.after(start, "superGAP\\[") : property.start;
    this.#source.replace(start, inside, () => `${this.name("super")}(`);
    return node.computed ? [end - 1, end, behind] : [inside, end, JSON.stringify(property.name) + behind];
  }

  UnaryExpression({ start }) {
    // No comment in a module, and one where the program is evaluated.
    if (this.#source.text.startsWith("<!--", start - 1)) this.#source.refuse(start - 1, "`<!--` is read in two ways; write `< !--`");
  }

  LabeledStatement(node) {
    this.#labels.set(node.body, this.#labels.get(node) ?? node.start);
  }

  ForOfStatement(node, body) {
    if (!node.await) return undefined;
    if (!body.isAsync) {
      this.#source.refuse(node.start, "`for await` in top-level code; move it into an async function");
      return undefined;
    }
    const start = this.#labels.get(node) ?? node.start;
    this.#source.replace(start, node.body.start, () => this.#loopHead(node, body, start));
    const [loop, error] = [() => this.name("each"), () => this.name("error")];
    return [node.end, node.end, () =>
      ` } } catch (${error()}) { ${loop()}.failed = true; throw ${error()}; } finally { yield* ${loop()}.close(); } }`];
  }

  #loopHead({ start, left, right }, body, labels) {
    const source = this.#source, loop = this.name("each");
    const [from, to] = [source.after(left.end, "(?:GAP\\))*GAPof"), source.after(right.end, "(?:GAP\\))+") - 1];
    const wait = this.#wait(body);
    const target = source.render(left.start, left.end);
    const value = left.type === "VariableDeclaration" ? `${target} = ${loop}.value;` : `(${target} = ${loop}.value);`;
    return `{ const ${loop} = ${this.name("loop")}(${source.render(from, to)}${wait && `,${wait}`}); try { ` +
      `${source.text.slice(labels, start)}for (; ${loop}.take(yield${wait && ""} ${loop}.next()); ) { ${value} `;
  }
}
