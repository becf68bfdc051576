// Makes a module the body of a function, in place: what it imports is given, what it exports is answered.
/** What a module imports and exports. */
export class Interface {
  /** Declarations of what it imports, as text. */
  imports = [];
  /** The names of what it exports, the own ones, and where that is said. */
  exports = [];
  /** What it asks for. */
  capabilities = new Set();
  #source;
  #sdk;
  #name;

  constructor(source, tree, sdk, name) {
    this.#source = source;
    this.#sdk = sdk;
    this.#name = name;
    for (const node of tree.body) this[node.type]?.(node);
  }

  ImportDeclaration(node) {
    this.#source.replace(node.start, node.end, ";");
    const asked = node.source.value;
    const part = this.#sdk.find(({ name, path }) => asked === name || asked === path);
    if (!part) {
      this.#source.refuse(node.source.start, this.#unknown(asked));
      return;
    }
    if (part.capability) this.capabilities.add(part.capability);
    for (const specifier of node.specifiers) this.#specifier(specifier, part);
  }

  #specifier(specifier, { name, module }) {
    const local = specifier.local.name;
    const given = `${this.#name("modules")}[${JSON.stringify(name)}]`;
    if (specifier.type === "ImportNamespaceSpecifier") {
      this.imports.push(`${local} = ${given}`);
      return;
    }
    const imported = specifier.type === "ImportDefaultSpecifier" ? "default" : nameOf(specifier.imported);
    if (!Object.hasOwn(module, imported)) {
      this.#source.refuse(specifier.start, `\`${name}\` exports no \`${imported}\`, only ${listed(Object.keys(module))}`);
    }
    this.imports.push(`${local} = ${given}.${imported}`);
  }

  ExportAllDeclaration(node) {
    this.#source.refuse(node.start, "`export * from` is not possible: a source exports what is its own");
  }

  ExportNamedDeclaration(node) {
    const { declaration, start } = node;
    if (node.source) {
      this.#source.refuse(start, "`export ... from` is not possible: a source exports what is its own");
    } else if (declaration) {
      this.#source.replace(start, declaration.start, "");
      const ids = declaration.id ? [declaration.id] : declaration.declarations.flatMap(({ id }) => namesIn(id));
      for (const { name } of ids) this.#export(name, name, start);
    } else {
      this.#source.replace(start, node.end, ";");
      for (const { exported, local } of node.specifiers) this.#export(nameOf(exported), local.name, exported.start);
    }
  }

  ExportDefaultDeclaration(node) {
    const { declaration, start } = node;
    const inside = this.#source.after(start, "exportGAPdefaultGAP");
    const isDeclaration = declaration.type.endsWith("Declaration");
    if (isDeclaration && declaration.id) {
      this.#source.replace(start, inside, "");
      this.#export("default", declaration.id.name, start);
      return;
    }
    // As a member it gets the name that it has in a module.
    this.#source.replace(start, inside, () => `const ${this.#name("default")} = { default: `);
    const end = isDeclaration ? node.end : this.#source.endOf(node);
    this.#source.replace(end, end, () => ` }.default${end === node.end ? ";" : ""}`, start);
    this.#export("default", this.#name("default"), start);
  }

  #unknown(asked) {
    const sdk = listed(this.#sdk.map(({ name }) => name));
    const instead = "for packages and files of your own make a project with `stepcell new`";
    return `a source of one file imports the SDK (${sdk}) and nothing else, not \`${asked}\`; ${instead}`;
  }

  #export(name, own, at) {
    this.exports.push({ name, own, at });
  }
}

function listed(names) {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** An exported or imported name may be written as text. */
function nameOf(node) {
  return node.type === "Literal" ? node.value : node.name;
}

/** The names that a pattern declares. */
function namesIn(pattern) {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) => namesIn(property.type === "RestElement" ? property : property.value));
    case "ArrayPattern":
      return pattern.elements.flatMap(namesIn);
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    default:
      return [];
  }
}
