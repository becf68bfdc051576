//! Completes a core module that carries component-type information to a component.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::error::Error;

/// Changes when the same module would become another component: part of what a cached component is kept under.
pub(crate) const ENCODER: &str = "wit-component 0.254";

/// The component of a core module: what it imports and exports is read from the information that bindings leave in it.
///
/// `what` names the module in the error.
pub fn encode_core_module(what: &str, module: &[u8]) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Encode { what: what.to_owned(), reason };
    match module {
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => {}
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => {
            return Err(refuse("it is a component already; use it as it is".to_owned()));
        }
        _ => {
            return Err(refuse(
                "it is not a WebAssembly module: it does not start with `\\0asm`".to_owned(),
            ));
        }
    }
    if !says_its_types(module) {
        return Err(refuse(
            "it carries no component-type information, which bindings made from `wit/` leave in it"
                .to_owned(),
        ));
    }
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refuse(format!("{error:#}")))?;
    Ok(encoded)
}

/// Whether bindings left a section in the module. Without one it would become a component that exports nothing.
fn says_its_types(module: &[u8]) -> bool {
    let mut payloads = Parser::new(0).parse_all(module).map_while(Result::ok);
    payloads.any(|payload| {
        matches!(payload, Payload::CustomSection(section) if section.name().starts_with("component-type"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_core_module_is_refused_with_what_it_is() {
        let said = |bytes: &[u8]| encode_core_module("`x.wasm`", bytes).unwrap_err().to_string();
        assert!(
            said(b"\x7fELF\x02\x01\x01\0")
                .contains("`x.wasm` cannot become a component: it is not")
        );
        assert!(said(b"\0asm\x0d\0\x01\0").contains("a component already"));
        assert!(said(b"").contains("not a WebAssembly module"));
        assert!(said(b"\0asm\x01\0\0\0").contains("no component-type information"));
    }
}
