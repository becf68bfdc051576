//! Completes a core module that carries component-type information to a component.

use model::Code;
use wit_component::ComponentEncoder;

use crate::reason::Reason;

/// Stack of the thread that completes: the encoder follows nested types by recursion.
const STACK_BYTES: usize = 256 * 1024 * 1024;
/// The most component-type information a module may carry, in bytes.
const MAX_TYPE_BYTES: usize = 256 * 1024;

/// What bytes that wasm tools cannot read are: cut off, or broken.
pub(super) fn invalid(error: &wasmparser::BinaryReaderError) -> Reason {
    let text = format!("{} (at byte {})", error.message(), error.offset());
    if error.message().contains("unexpected end") {
        return Reason::new(Code::ComponentTruncated, text);
    }
    Reason::new(Code::ComponentInvalid, text)
}

/// The component that the module stands for.
pub(super) fn complete(module: &[u8]) -> Result<Vec<u8>, Reason> {
    let type_bytes = type_bytes(module)?;
    if type_bytes == 0 {
        let detail = "it is a core module without component-type information; build it with bindings for the \
                      world `stepcell:handler/handler`, or complete it with `wasm-tools component new`";
        return Err(Reason::new(Code::ComponentCoreModule, detail));
    }
    if type_bytes > MAX_TYPE_BYTES {
        let detail = format!(
            "its component-type information has {type_bytes} bytes, the limit is {MAX_TYPE_BYTES}"
        );
        return Err(Reason::new(Code::ComponentTooLarge, detail));
    }
    let encoded = std::thread::scope(|scope| {
        let work = std::thread::Builder::new()
            .name("sandbox-complete".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                ComponentEncoder::default().validate(true).module(module)?.encode()
            });
        match work {
            // The encoder trusts what it reads more than it should: its panic is the module's fault.
            Ok(thread) => thread
                .join()
                .map_err(|_panic| "its component-type information is broken".to_owned())
                .and_then(|done| done.map_err(|error| format!("{error:#}"))),
            Err(error) => Err(format!("no thread to complete it: {error}")),
        }
    });
    encoded.map_err(|detail| {
        Reason::new(
            Code::ComponentInvalid,
            format!("the core module cannot be completed: {detail}"),
        )
    })
}

/// Bytes of component-type information in the module's custom sections.
fn type_bytes(module: &[u8]) -> Result<usize, Reason> {
    let mut bytes = 0;
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::CustomSection(section) =
            payload.map_err(|error| invalid(&error))?
            && section.name().starts_with("component-type")
        {
            bytes += section.data().len();
        }
    }
    Ok(bytes)
}
