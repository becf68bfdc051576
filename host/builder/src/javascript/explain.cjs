// node explain.cjs WORK PROJECT: what componentize-qjs said, with places of the bundle as places of the project.
const { readFileSync, realpathSync } = require("fs"), { SourceMap } = require("module"), { resolve, relative } = require("path");
const [, , work, folder] = process.argv, sdk = realpathSync(`${folder}/stepcell`) + "/";
const map = new SourceMap(JSON.parse(readFileSync(`${work}/component/component.js.map`)));
const text = readFileSync(`${work}/componentize.log`, "utf8");
const PREFIX = /^[^]*?Failed to finish JavaScript module evaluation: (Error: )?/;
let said = text.includes("has not been defined") ? "error: top-level code calls the host, which is not there while the component is built; move it into a handler"
  : PREFIX.test(text) ? text.replace(PREFIX, "error: top-level code failed: ") : text;
said = said.replace(/\/?component\.js:(\d+)(?::(\d+))?/g, (all, line, column) => {
  const { originalSource, originalLine, originalColumn } = map.findEntry(line - 1, (column ?? 1) - 1);
  if (!originalSource) return all;
  const path = resolve(work, "component", decodeURI(originalSource));
  return path.startsWith(sdk) ? "(sdk)" : `${relative(folder, path)}:${originalLine + 1}:${originalColumn + 1}`;
});
console.error(said.split("\n").filter((line) => line.trim() && !line.includes("(sdk)")).join("\n"));
