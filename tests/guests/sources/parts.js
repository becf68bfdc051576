// What a handler needs of a source, where an attempt reads no more than that: each handler takes null, and parts.json has what Node
// answers. There is hardly a semicolon, on purpose: what is behind something that is left out begins with what could go on with what
// is in front of it.
import { ValidationError } from "stepcell"
import * as everything from "./stepcell/index.js"

const seen = [1, 2]
function describe(o) { return `described, in more than forty characters: ${o}` }
[3, 4].forEach((n) => seen.push(n))

let total = seen.length
const twice = (n) => { return n * 2 + "that nobody but one handler needs".length * 0 }
(function () { total += 10 }())

const tag = (parts, ...values) => parts.join("|") + values.join("|")
let tagged = tag
export const shout = () => { return `${describe("loud")}!`.toUpperCase() }
`a line of its own, which is no tag's`.split(",").forEach((part) => { tagged = part })

let count = 8
function halve(n) { return n / 2 + "and a text that makes this long enough to be left out".length * 0 }
/[0-9]+/g.test("a1") && (count = 4)

let sign = 5
async function later(value) { await null; return [value, "long enough to be left out".length] }
+sign === 5 && (sign = 6)
function* counting() { for (let n = 0; n < 3; n += 1) yield n * "long enough".length }
-sign === -6 && (sign = 7)

class Base { name() { return "base" } static made = "made once, when the class is read" }
function make() { return new Derived() /* a class that is read further down in the source */ }
class Derived extends Base { name() { return `derived from ${super.name()}` } }
[Base, Derived].forEach((one) => { one.prototype.marked = true })

const one = () => 1 + "the first of some that are declared at once".length * 0, other = () => one() + 1
const plain = { one, other: 2 }
const kept = seen
  .map((n) => n + 1)
function isOdd(n) { return n === 0 ? false : isEven(n - 1) }
function isEven(n) { return n === 0 ? true : isOdd(n - 1) }
const order = []
order.push("first")
export function named() { return "reached by another name, in more than forty characters" }
export { named as renamed, later as waited }
order.push("second")

export default function () { return [seen, total, typeof tagged, count, sign] }

export function calls() { return [described(), shout(), isEven(10), isOdd(7)] }
export function described() { return describe(plain.one() + other()) }
export const doubled = () => [twice(21), halve(count)]
export async function waits() { return later(await later(tag`a${1}b${2}c`)) }
export const steps = () => [...counting()].concat(order)
export const derived = () => [make().name(), make().marked, Derived.made, Base.name]
export const sums = function () { return kept.concat(one(), other()) }
export const own = () => own.name + named().length
export const names = () => [one.name, twice.name, later.name, Derived.name, described.name]
export const errs = () => { try { throw new ValidationError("wrong") } catch (error) { return [error.kind, "sleep" in everything] } }
export const evaluates = () => { const evaluated = "isOdd(3) && halve(8)"; return eval(evaluated) }
export const shadows = () => { const describe = (n) => n + 1; return describe(1) }
export const member = () => ({ describe: 1, ["halve"]: halve }).halve(10)
export const shorthand = () => Object.keys({ describe, halve })
function last() { return "what is at the end, without a line end behind it" }
[9].forEach((n) => seen.push(n))
