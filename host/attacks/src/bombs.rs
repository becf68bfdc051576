//! Uploads that are made rather than written: small things that want everything, and things too many to write down.

use crate::guest::good_with;

/// Ten levels, each of which instantiates the one below four times: four to the tenth instances.
pub(crate) fn instances() -> Vec<u8> {
    let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..10 {
        let four = "(instance (instantiate $c))".repeat(4);
        text = format!("(component $c {text}) {four}");
    }
    component_text(&text)
}

/// Nearly everything the host lists of it would be a problem.
pub(crate) fn problems() -> Vec<u8> {
    let functions: String =
        (0..500).map(|n| format!("(export \"{}{n}\" (func))", "a".repeat(1_000))).collect();
    let import = |n| format!("(import \"wasi:cli/environment@0.2.{n}\" (instance {functions}))");
    component_text(&(0..8).map(import).collect::<String>())
}

/// Three hundred thousand functions of one interface, all of one type that takes eight kilobytes to write down.
pub(crate) fn long_types() -> Vec<u8> {
    const FUNCTIONS: u32 = 300_000;
    const U8: u8 = 0x7d;
    let mut interface = vec![1, 0x42];
    leb(&mut interface, FUNCTIONS + 3);
    // Type 0: a record of one field with a long name. Exported, it is type 1, and the functions' is type 2.
    interface.extend([1, 0x72, 1]);
    named(&mut interface, &"a".repeat(8_000));
    interface.extend([U8, 4, 0]);
    named(&mut interface, "named");
    interface.extend([3, 0, 0]);
    interface.extend([1, 0x40, 1]);
    named(&mut interface, "p");
    interface.extend([1, 1, 0]);
    for n in 0..FUNCTIONS {
        interface.extend([4, 0]);
        named(&mut interface, &format!("f{n}"));
        interface.extend([1, 2]);
    }
    let mut import = vec![1, 0];
    named(&mut import, "wasi:cli/environment@0.2.3");
    import.extend([5, 0]);
    let mut component = COMPONENT.to_vec();
    section(&mut component, 7, &interface);
    section(&mut component, 10, &import);
    component
}

/// A `handle` that takes pairs of pairs of pairs, seventeen times: a hundred thousand numbers.
pub(crate) fn doubling_types() -> Vec<u8> {
    let mut world = "package a:b; world w { type t0 = u8;".to_owned();
    for n in 0..17 {
        world.push_str(&format!("type t{} = tuple<t{n}, t{n}>;", n + 1));
    }
    world.push_str("export handle: func(p: t17) -> result<t17, t17>; }");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("doubling.wit", &world).expect("it is written right");
    let world = resolve.select_world(&[package], None).expect("there is one");
    let mut module = crate::guest::bare("good");
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding)
        .expect("a module takes type information");
    module
}

/// Forty imports whose names have two kilobytes each.
pub(crate) fn names() -> Vec<u8> {
    let imports: String =
        (0..40).map(|n| format!("(import \"{}{n}\" (func))", "a".repeat(2_000))).collect();
    component_text(&imports)
}

/// Three thousand components, each in the next.
pub(crate) fn nested_components() -> Vec<u8> {
    (0..3_000).fold(COMPONENT.to_vec(), |inner, _| {
        let mut outer = COMPONENT.to_vec();
        section(&mut outer, 4, &inner);
        outer
    })
}

/// A good module whose type information is lists of lists, twenty thousand deep.
pub(crate) fn nested_types() -> Vec<u8> {
    const LIST: u8 = 0x70;
    const U8: u8 = 0x7d;
    let mut types = Vec::new();
    leb(&mut types, 20_001);
    types.push(U8);
    for below in 0..20_000 {
        types.push(LIST);
        // An index is a signed number here: one more bit.
        signed_leb(&mut types, below);
    }
    let mut information = COMPONENT.to_vec();
    section(&mut information, 7, &types);
    let mut module = crate::guest::bare("good");
    custom(&mut module, "component-type:deep", &information);
    module
}

/// A good module whose type information is no such thing.
pub(crate) fn broken_types() -> Vec<u8> {
    let mut module = crate::guest::bare("good");
    custom(&mut module, "component-type:broken", &[COMPONENT, &[1, 0xff, 0xff]].concat());
    module
}

/// A million types, and one.
pub(crate) fn types() -> Vec<u8> {
    targeting_handler(many(1, 1_000_001, &[0x60, 0, 0]))
}

/// A million functions, and one.
pub(crate) fn functions() -> Vec<u8> {
    let mut module = many(1, 1, &[0x60, 0, 0]);
    add_many(&mut module, 3, 1_000_001, &[0]);
    targeting_handler(module)
}

/// A hundred thousand pieces of data, and one.
pub(crate) fn data() -> Vec<u8> {
    let mut module = many(5, 1, &[0, 1]);
    add_many(&mut module, 11, 100_001, &[1, 0]);
    targeting_handler(module)
}

/// One function with four billion locals.
pub(crate) fn locals() -> Vec<u8> {
    let mut module = many(1, 1, &[0x60, 0, 0]);
    add_many(&mut module, 3, 1, &[0]);
    // One group of 0xffff_ffff times i32, then the end.
    let body = [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b];
    let mut code = vec![1, 8];
    code.extend(body);
    section(&mut module, 10, &code);
    targeting_handler(module)
}

/// A jump with three hundred thousand ways to go.
pub(crate) fn jump() -> Vec<u8> {
    let ways = "0 ".repeat(300_000);
    good_with(&format!("(func (param i32) (br_table {ways} (local.get 0)))"))
}

/// Branches without end, which a compiler pays for.
pub(crate) fn branches() -> Vec<u8> {
    let one = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 1 (i32.add (local.get 1) (local.get 0)))))";
    let all = one.repeat(150_000);
    good_with(&format!("(func (param i32 i32) (result i32) {all} (local.get 1))"))
}

/// Blocks in blocks, thirty thousand deep, each of which hands a value on.
pub(crate) fn blocks() -> Vec<u8> {
    const DEEP: usize = 30_000;
    let open = "block (result i32) local.get 0 local.get 0 br_if 0 ".repeat(DEEP);
    let close = "end drop ".repeat(DEEP - 1);
    good_with(&format!("(func (param i32) (result i32) {open} {close} end)"))
}

/// Fills of 60 MiB one after another, two thousand of them, with no loop and no call between them.
pub(crate) fn fills() -> Vec<u8> {
    straight("(memory.fill (i32.const 65536) (i32.const 1) (i32.const 62914560))", 2_000)
}

/// Two thousand copies of 30 MiB, likewise.
pub(crate) fn copies() -> Vec<u8> {
    straight("(memory.copy (i32.const 65536) (i32.const 31522816) (i32.const 31457280))", 2_000)
}

/// A function that traps, whose name has a hundred kilobytes.
pub(crate) fn name_in_trap() -> Vec<u8> {
    let name = "n".repeat(100_000);
    let text = format!(
        "(module (memory (export \"memory\") 2)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
           (func $\"{name}\\1b[2J\" (unreachable))
           (func (export \"handle\") (param i32 i32 i32) (result i32) (call 1) (i32.const 0)))"
    );
    handler(&text)
}

/// Four mebibytes of a section nobody reads.
pub(crate) fn custom_section() -> Vec<u8> {
    let mut module = crate::guest::module("good");
    custom(&mut module, "ballast", &vec![0xa5; 4 * 1024 * 1024]);
    module
}

/// A module that says nothing of components.
pub(crate) fn no_types() -> Vec<u8> {
    crate::guest::bare("no_type_information")
}

/// Half a good component.
pub(crate) fn half() -> Vec<u8> {
    let mut module = crate::guest::module("good");
    module.truncate(module.len() / 2);
    module
}

/// What its `handle` does is this, so many times in a row, with 61 MiB of memory.
fn straight(instruction: &str, times: usize) -> Vec<u8> {
    let all = instruction.repeat(times);
    let text = format!(
        "(module (memory (export \"memory\") 1000)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
           (func (export \"handle\") (param i32 i32 i32) (result i32) {all} (unreachable)))"
    );
    handler(&text)
}

fn handler(text: &str) -> Vec<u8> {
    targeting_handler(wat::parse_str(text).expect("it is written right"))
}

fn targeting_handler(module: Vec<u8>) -> Vec<u8> {
    crate::guest::embed(module, "handler", wit_component::StringEncoding::UTF8)
}

fn component_text(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).expect("it is written right")
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A module of one section with so many equal entries.
fn many(id: u8, count: u32, entry: &[u8]) -> Vec<u8> {
    let mut module = MODULE.to_vec();
    add_many(&mut module, id, count, entry);
    module
}

fn add_many(module: &mut Vec<u8>, id: u8, count: u32, entry: &[u8]) {
    let mut entries = Vec::new();
    leb(&mut entries, count);
    (0..count).for_each(|_| entries.extend_from_slice(entry));
    section(module, id, &entries);
}

fn named(into: &mut Vec<u8>, name: &str) {
    leb(into, length(name.as_bytes()));
    into.extend_from_slice(name.as_bytes());
}

fn custom(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = Vec::new();
    named(&mut content, name);
    content.extend_from_slice(data);
    section(module, 0, &content);
}

fn section(binary: &mut Vec<u8>, id: u8, content: &[u8]) {
    binary.push(id);
    leb(binary, length(content));
    binary.extend_from_slice(content);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("no bomb has four gigabytes")
}

/// A number as the binary format writes it, seven bits a byte.
fn leb(into: &mut Vec<u8>, mut number: u32) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

/// The same with a sign, of which the last byte's second highest bit tells.
fn signed_leb(into: &mut Vec<u8>, number: u32) {
    leb(into, number);
    if let Some(last) = into.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        into.push(0);
    }
}
