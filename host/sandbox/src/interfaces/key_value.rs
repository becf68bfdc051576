//! `stepcell:handler/key-value`: values that outlive the run, counted in calls and bytes.

use std::sync::Arc;

use model::limits::{
    MAX_KEY_VALUE_CALLS, MAX_KEY_VALUE_MOVED_BYTES, MAX_LISTED_KEYS, MAX_VALUE_BYTES,
    MAX_VALUE_KEY_BYTES,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use crate::attempt::{Attempt, charge, pay};
use crate::ports::{Expected, KeyValue, StoreError};

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/key-value@0.1.0";

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(NAME)?;
    instance.func_wrap_async("get", |mut store, (key,): (String,)| {
        Box::new(async move {
            let answer = match asked(&mut store, &[&key], &[])? {
                Ok(port) => port.get(key).await,
                Err(error) => Err(error),
            };
            let bytes = answer.as_ref().map_or(0, |value| value.as_ref().map_or(0, Vec::len));
            moved(&mut store, bytes)?;
            Ok((answer,))
        })
    })?;
    instance.func_wrap_async("set", |mut store, (key, value): (String, WasmList<u8>)| {
        Box::new(async move {
            let answer = match asked(&mut store, &[&key], &[&value])? {
                Ok(port) => port.set(key, copied(&store, &value), Expected::Anything).await,
                Err(error) => Err(error),
            };
            Ok((answer.map(drop),))
        })
    })?;
    instance.func_wrap_async(
        "compare-and-set",
        |mut store, (key, expected, value): (String, Option<WasmList<u8>>, WasmList<u8>)| {
            Box::new(async move {
                let values: Vec<_> = expected.iter().chain([&value]).collect();
                let answer = match asked(&mut store, &[&key], &values)? {
                    Ok(port) => {
                        let expected = match &expected {
                            None => Expected::Nothing,
                            Some(known) => Expected::Value(copied(&store, known)),
                        };
                        port.set(key, copied(&store, &value), expected).await
                    }
                    Err(error) => Err(error),
                };
                Ok((answer,))
            })
        },
    )?;
    instance.func_wrap_async("delete", |mut store, (key,): (String,)| {
        Box::new(async move {
            let answer = match asked(&mut store, &[&key], &[])? {
                Ok(port) => port.delete(key).await,
                Err(error) => Err(error),
            };
            Ok((answer,))
        })
    })?;
    instance.func_wrap_async(
        "list-keys",
        |mut store, (prefix, after, limit): (String, Option<String>, u32)| {
            Box::new(async move {
                let keys = [Some(prefix.as_str()), after.as_deref()].into_iter().flatten();
                let keys: Vec<&str> = keys.filter(|key| !key.is_empty()).collect();
                let answer = match asked(&mut store, &keys, &[])? {
                    Ok(port) => port.list(prefix, after, limit.min(MAX_LISTED_KEYS)).await,
                    Err(error) => Err(error),
                };
                let bytes = answer.as_ref().map_or(0, |keys| keys.iter().map(String::len).sum());
                moved(&mut store, bytes)?;
                Ok((answer,))
            })
        },
    )
}

/// Who keeps the values, where this call may still be made; an inner error is for the guest. No value is copied before.
fn asked(
    store: &mut StoreContextMut<'_, Attempt>,
    keys: &[&str],
    values: &[&WasmList<u8>],
) -> wasmtime::Result<Result<Arc<dyn KeyValue>, StoreError>> {
    charge(store, keys.iter().map(|key| key.len()).sum())?;
    if values.iter().any(|value| value.len() > MAX_VALUE_BYTES) {
        return Ok(Err(StoreError::TooLarge(MAX_VALUE_BYTES as u64)));
    }
    moved(store, values.iter().map(|value| value.len()).sum::<usize>())?;
    let attempt = store.data_mut();
    let Some(port) = attempt.ports.key_value.clone() else {
        return Ok(Err(StoreError::Denied("`key_value` is not granted".to_owned())));
    };
    let is_key = |key: &str| (1..=MAX_VALUE_KEY_BYTES).contains(&key.len()) && !key.contains('\0');
    if !keys.iter().all(|key| is_key(key)) {
        let why = format!("a key has 1 to {MAX_VALUE_KEY_BYTES} bytes and no NUL");
        return Ok(Err(StoreError::Invalid(why)));
    }
    if attempt.key_value_calls >= MAX_KEY_VALUE_CALLS {
        return Ok(Err(StoreError::TooMany(MAX_KEY_VALUE_CALLS)));
    }
    if attempt.key_value_bytes > MAX_KEY_VALUE_MOVED_BYTES {
        return Ok(Err(StoreError::TooMany(MAX_KEY_VALUE_MOVED_BYTES)));
    }
    attempt.key_value_calls += 1;
    Ok(Ok(port))
}

fn copied(store: &StoreContextMut<'_, Attempt>, value: &WasmList<u8>) -> Vec<u8> {
    value.as_le_slice(store).to_vec()
}

/// Counts bytes that cross the line, and takes their price.
fn moved(store: &mut StoreContextMut<'_, Attempt>, bytes: usize) -> wasmtime::Result<()> {
    store.data_mut().key_value_bytes += bytes as u64;
    pay(store, bytes)
}
