// node places.cjs WORK PROJECT: appends to the bundle which of its lines are which lines of the project, so that stacks name the project's
// files. A run is consecutive lines of one source; the SDK's own lines have the source -1.
const { readFileSync, realpathSync, appendFileSync } = require("fs"), { SourceMap } = require("module"), { resolve, relative, dirname } = require("path");
const folder = process.argv[3], sdk = realpathSync(`${folder}/stepcell`) + "/";
const bundle = `${process.argv[2]}/component/component.js`;
const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`)));
const sources = [], runs = [];
readFileSync(bundle, "utf8").split("\n").forEach((text, index) => {
  const { originalSource, originalLine, generatedLine } = map.findEntry(index, Math.max(0, text.search(/\S/)));
  if (originalSource === undefined || generatedLine !== index) return;
  const path = resolve(dirname(bundle), decodeURI(originalSource));
  const name = relative(folder, path), isOwn = path.startsWith(sdk);
  if (!isOwn && !sources.includes(name)) sources.push(name);
  const source = isOwn ? -1 : sources.indexOf(name), last = runs.at(-1), line = index + 1, from = originalLine + 1;
  if (last && last[1] === source && (isOwn || from - last[2] === line - last[0])) return;
  runs.push([line, source, from]);
});
appendFileSync(bundle, `\nglobalThis.stepcellPlaces = ${JSON.stringify({ sources, runs })};\n`);
