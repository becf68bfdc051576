//! `stepcell:handler/secrets`: names, and what stands for them. No value is ever here.

use wasmtime::component::Linker;

use crate::attempt::{Attempt, charge};
use crate::ports::SecretError;

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/secrets@0.1.0";

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(NAME)?;
    instance.func_wrap("names", |mut store, (): ()| {
        let secrets = store.data().ports.secrets.iter();
        let names: Vec<String> =
            secrets.flat_map(|secrets| &secrets.names).map(ToString::to_string).collect();
        charge(&mut store, names.iter().map(String::len).sum())?;
        Ok((names,))
    })?;
    instance.func_wrap("placeholder", |mut store, (name,): (String,)| {
        charge(&mut store, name.len())?;
        let secrets = store.data().ports.secrets.as_ref();
        let found = secrets.and_then(|secrets| {
            let name = secrets.names.iter().find(|granted| granted.as_str() == name)?;
            Some(secrets.placeholders.of(name))
        });
        let denied = || SecretError::Denied("no secret of this name is granted".to_owned());
        Ok((found.ok_or_else(denied),))
    })
}
