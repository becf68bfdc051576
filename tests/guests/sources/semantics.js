// What async code means, in every place that has to be lowered: semantics.json is what Node answers. Some statements are without their
// semicolons on purpose.
import { log, sleep, ValidationError as Wrong } from "stepcell"
import * as everything from "./stepcell/index.js"
const results = {}
const check = (name, value) => { results[name] = value }
const a = 1
/* async arrow at a statement's start */
export default async function (input, context) {
  const b = 2
  await null
  await tick(), check("asi", b)
  await tick() || check("never", 1)
  const c = a
  await tick()
  await
    tick()
  if (c) await tick()
  else await tick()
  check("arguments", await (async function (x, y = 3) { await null; return [arguments.length, x, y] })(1))
  check("arrowArguments", await (function () { return (async () => { await null; return [...arguments, await (async () => arguments.length)()] })() })(7, 8))
  check("shorthand", await (function () { return (async () => ({ arguments }).arguments.length)() })(7, 8))
  check("this", await new Sub().both(4))
  check("super", await new Sub().more())
  check("field", await new Sub().late())
  check("object", await thing.go(5))
  check("objectSuper", await thing.sup())
  check("static", await Sub.make())
  check("computed", await new Sub()["a" + "b"]())
  check("target", await new Target().known)
  check("length", [Sub.prototype.both.length, (async (a, b) => 1).length, (async function (a, b = 1, c) {}).length])
  check("names", [named.name, arrow.name, Sub.prototype.both.name])
  check("defaults", await (async ({ p = 1, q: [r] = [2] } = {}, ...rest) => [p, r, rest])(undefined, 5, 6))
  check("rejects", await (async (x = boom()) => x)().catch((e) => e.message))
  check("expression", await Promise.all([1, 2].map(async x => ({ x }))))
  check("newlineBody", await (async () =>
    // => not here
    ({ ok: true }))())
  check("commented", await (async /* ( => */ (/* => */) /* => */ => 6)())
  check("bare", await (async x /* => */ => x)(9))
  check("inArrow", [1].map((x) => async () => x + 1).length)
  check("tryFinally", await tries())
  check("generator", await collect(counts(3)))
  check("genReturn", await returned())
  check("genThrow", await thrown())
  check("queue", await queued())
  check("forSync", await sums([1, tick(2), 3]))
  check("labels", await labelled())
  check("closed", await closed())
  check("closeError", await closeError())
  check("pattern", await patterns())
  check("switch", await switched(1))
  check("template", `${await tick("t")}-${await tick("u")}`)
  check("optional", await nothing?.x ?? "none")
  check("order", await order())
  check("class", await (async () => { class X { [await tick("k")] = 1 } return Object.keys(new X()) })())
  check("ns", Object.keys(everything).includes("sleep"))
  check("strict", (function () { return this === undefined })())
  check("dollar", $async + $super_)
  check("html", htmlLike(3))
  check("await in args", Math.max(await tick(1), await tick(2)))
  check("yield in async", await (async () => { const o = { *g() { yield 1 } }; return [...o.g()] })())
  check("superSet", await new Sub().sets())
  check("tag", await new Sub().tagged())
  check("unicode", "\u{1F600}".length + "</script>".length)
  check("genArrow", await collect((async function* () {  })?.length === 0 ? counts(1) : counts(2)))
  return results
}
const $async = "mine", $super_ = "too", nothing = null
function htmlLike(x) { let y = 5; const r = x< !--y; return [r, y] }
function boom() { throw new Error("boom") }
async function tick(x) { return x }
async function named() {}
const arrow = async () => {}
class Base {
  greet(n = 0) { return "base" + this.tag + n }
  get prop() { return "prop" + this.tag }
  set prop(v) { this.saved = v }
  tagIt(s) { return s[0] + this.tag }
  static hi() { return "hi" + this.name }
}
class Sub extends Base {
  tag = "T"
  async both(n) { await null; return [this.tag, n, await (async () => this.tag)()] }
  async more() { await null; return [super.greet(1), super["pr" + "op"], super.prop, (() => super.greet?.(2))(), super.none?.() ?? "none", await (async () => super.greet(3))()] }
  late = async () => [this.tag, super.greet(4)]
  x = 1
  async ["a" + "b"]() { return super["gre" + (await tick("et"))]() }
  static async make() { return super.hi() }
  static
  async *gen() { yield 1 }
  async sets() { await null; super.prop = 5; super.prop += "x"; return this.saved }
  async tagged() { return super.tagIt`z` }
}
class Target { constructor() { this.known = (async () => new.target === Target)() } }
const thing = { __proto__: { sup() { return "proto" + this.n } }, n: 3, async go(x) { return this.n + x }, async sup() { return super.sup() }, async *it() { yield this.n } }
async function tries() { const l = []; try { await boom2() } catch ({ message }) { l.push(message) } finally { await null; l.push("f") } return l }
async function boom2() { await null; throw new Error("later") }
async function* counts(n, step = 1) { for (let i = 0; i < n; i += step) { await null; const got = yield i; if (got) yield got } return "end" }
async function collect(it) { const l = []; for await (const x of it) l.push(x); return l }
async function returned() {
  const log = []
  async function* g() { try { yield 1; yield 2 } finally { await null; log.push("cleanup") } }
  for await (const x of g()) { log.push(x); break }
  const it = g(); await it.next(); log.push(await it.return(tick(9))); log.push((await it.next()).done); log.push(await g().return(4))
  return log
}
async function thrown() {
  async function* g() { try { yield 1 } catch (e) { yield "caught " + e } try { return tick2() } catch (e) { return "r" + e.message } }
  async function tick2() { throw new Error("x") }
  const it = g(); await it.next(); return [await it.throw("e"), await it.next(), await it.next()]
}
async function queued() { const it = counts(2); return (await Promise.all([it.next(), it.next(), it.next(), it.next()])).map((s) => [s.value ?? null, s.done]) }
async function sums(list) { let s = 0; for await (const x of list) s += x; return s }
async function labelled() {
  const l = []
  outer: for (const a of [1, 2]) { inner: for await (const b of counts(3)) { for (const c of [0, 1]) { if (b === 1) continue inner; if (a === 2) break outer; l.push([a, b, c]) } } }
  return l
}
async function closed() {
  const l = []
  const source = { [Symbol.asyncIterator]() { let i = 0; return { next: async () => ({ value: i++, done: false }), return: async () => { l.push("closed"); return {} } } } }
  for await (const x of source) { if (x > 1) break; l.push(x) }
  try { for await (const x of source) throw new Error("body") } catch (e) { l.push(e.message) }
  await (async () => { for await (const x of source) return x })()
  return l
}
async function closeError() {
  const source = { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 1, done: false }), return: async () => { throw new Error("closing") } }) }
  const l = []
  try { for await (const x of source) break } catch (e) { l.push(e.message) }
  try { for await (const x of source) throw new Error("body") } catch (e) { l.push(e.message) }
  return l
}
async function patterns() {
  const l = []; let o = {}, q
  for await (const { a, b: [c] = [await tick(4)] } of [{ a: 1 }]) l.push(a, c)
  for await (o.x of [tick(5)]) l.push(o.x)
  for await ({ q } of [{ q: 6 }]) l.push(q)
  const fs = []; for await (const v of [1, 2]) fs.push(() => v)
  for await (const v of (null, [8])) if (v) for await (const w of [v]) l.push(w); else l.push("no")
  return [...l, ...fs.map((f) => f())]
}
async function switched(x) { switch (x) { case await tick(1): const r = "one"
  await null
  return r; default: return "other" } }
async function order() {
  const l = []; const p = (async () => { l.push(1); await null; l.push(3); await null; l.push(5) })()
  Promise.resolve().then(() => l.push(4)); l.push(2); await p; return l
}
