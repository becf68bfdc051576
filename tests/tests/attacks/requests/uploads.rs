//! Uploads that are something else.

use reqwest::Method;

use super::Case;

fn put(name: &'static str, bytes: impl Into<Vec<u8>>, code: &'static str) -> Case {
    Case::typed(name, Method::PUT, "/v1/components", ("application/wasm", bytes.into()), code)
}

pub(crate) fn cases() -> Vec<Case> {
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let compiled = [&elf[..], b".wasmtime.engine"].concat();
    let text = Case::typed(
        "a component that says it is text",
        Method::PUT,
        "/v1/components",
        ("text/plain", b"\0asm".to_vec()),
        "request.content_type",
    );
    vec![
        text,
        put("nothing", "", "component.not_wasm"),
        put("text of a component", "(component)", "component.not_wasm"),
        put("a script", "#!/bin/sh\nrm -rf /\n", "component.not_wasm"),
        put("a program", elf, "component.not_wasm"),
        put("machine code of wasmtime", compiled, "component.precompiled"),
        put("a zip", "PK\u{3}\u{4}zip", "component.not_wasm"),
        put("gzip", b"\x1f\x8b\x08\0".to_vec(), "component.not_wasm"),
        put("four bytes", "\0asm", "component.truncated"),
        put("WebAssembly of another version", b"\0asm\x09\0\0\0".to_vec(), "component.not_wasm"),
        put("a core module", stepcell_tests::guests::bare("good"), "component.core_module"),
    ]
}
