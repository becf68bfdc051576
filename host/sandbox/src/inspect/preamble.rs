//! Looks at the first bytes of an upload and says what it is, or what it looks like instead.

use model::Code;

use crate::reason::Reason;

/// What the host can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A component.
    Component,
    /// A core module, which may carry what it takes to complete it.
    CoreModule,
}

const WASM: &[u8] = b"\0asm";
const CORE_VERSION: &[u8] = &[1, 0, 0, 0];
const COMPONENT_VERSION: &[u8] = &[0x0d, 0, 1, 0];
/// How much of an ELF file is searched for wasmtime's section names.
const ELF_SEARCHED: usize = 64 * 1024;

/// Which of the two the bytes are.
pub(super) fn kind(bytes: &[u8]) -> Result<Kind, Reason> {
    if let Some(rest) = bytes.strip_prefix(WASM) {
        return match rest.get(..4) {
            Some(CORE_VERSION) => Ok(Kind::CoreModule),
            Some(COMPONENT_VERSION) => Ok(Kind::Component),
            Some(version) => Err(Reason::new(
                Code::ComponentNotWasm,
                format!("it is WebAssembly of an unknown version (bytes {version:02x?})"),
            )),
            None => Err(truncated(bytes.len())),
        };
    }
    if !bytes.is_empty() && WASM.starts_with(bytes) {
        return Err(truncated(bytes.len()));
    }
    if is_precompiled(bytes) {
        let detail =
            "it is machine code that wasmtime compiled; upload the component it was compiled from";
        return Err(Reason::new(Code::ComponentPrecompiled, detail));
    }
    Err(Reason::new(Code::ComponentNotWasm, format!("it looks like {}", likeness(bytes))))
}

fn truncated(bytes: usize) -> Reason {
    let detail =
        format!("it ends after {bytes} bytes, inside the 8 bytes every component starts with");
    Reason::new(Code::ComponentTruncated, detail)
}

fn is_precompiled(bytes: &[u8]) -> bool {
    let marker = b".wasmtime.";
    // The section names lie at the end of the file, next to the headers.
    let end = &bytes[bytes.len().saturating_sub(ELF_SEARCHED)..];
    bytes.starts_with(b"\x7fELF") && end.windows(marker.len()).any(|window| window == marker)
}

fn likeness(bytes: &[u8]) -> &'static str {
    let known: [(&[u8], &str); 7] = [
        (b"\x7fELF", "a native program or library (ELF)"),
        (b"\xcf\xfa\xed\xfe", "a native program or library (Mach-O)"),
        (b"MZ", "a native program or library (Windows)"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"BC\xc0\xde", "LLVM bitcode; link it to WebAssembly first"),
        (b"!<arch>", "a static library; link it to WebAssembly first"),
    ];
    if bytes.is_empty() {
        return "nothing: the upload is empty";
    }
    if let Some((_, likeness)) = known.iter().find(|(start, _)| bytes.starts_with(start)) {
        return likeness;
    }
    let start = &bytes[..bytes.len().min(512)];
    // A character may be cut where the first bytes end.
    let characters =
        std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    let printable = |byte: &u8| !byte.is_ascii_control() || b"\t\n\r".contains(byte);
    let text = characters && start.iter().all(printable);
    if text && start.trim_ascii_start().starts_with(b"(") {
        "WebAssembly text; turn it into a binary component first"
    } else if text {
        "text"
    } else {
        "none of the formats known here"
    }
}
