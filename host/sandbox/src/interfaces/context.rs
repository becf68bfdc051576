//! `stepcell:handler/context`: who is calling, with what, and for how long.

use wasmtime::component::Linker;

use crate::attempt::{Attempt, charge};
use crate::interfaces::types::{WireChild, WireSignal, WireTask};

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/context@0.1.0";
/// What an import of it means to a person.
pub(crate) const MEANING: &str = "reads the task's context, the flow's input and the time left";

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(NAME)?;
    instance.func_wrap("task", |mut store, (): ()| {
        charge(&mut store, 0)?;
        Ok((task(store.data()),))
    })?;
    instance.func_wrap("flow-input", |mut store, (): ()| {
        let input = store.data().flow_input.clone();
        let text = input.as_ref().map_or("null", |json| json.as_str());
        charge(&mut store, text.len())?;
        Ok((text.to_owned(),))
    })?;
    instance.func_wrap("cancelled", |mut store, (): ()| {
        charge(&mut store, 0)?;
        Ok((store.data().stop.is_cancelled(),))
    })?;
    instance.func_wrap("remaining-ms", |mut store, (): ()| {
        charge(&mut store, 0)?;
        Ok((u64::try_from(store.data().remaining().as_millis()).unwrap_or(u64::MAX),))
    })?;
    // A task of a plain handler has one phase, no inbox and no children.
    instance.func_wrap("state", |mut store, (): ()| {
        let state = store.data().context.memory.state.as_ref();
        let state = state.map(|state| state.as_str().to_owned());
        charge(&mut store, state.as_ref().map_or(0, String::len))?;
        Ok((state,))
    })?;
    instance.func_wrap("awaited", |mut store, (): ()| {
        let signals: Vec<_> = store.data().context.memory.awaited().map(WireSignal::from).collect();
        charge(&mut store, signals.iter().map(WireSignal::bytes).sum())?;
        Ok((signals,))
    })?;
    instance.func_wrap("inbox", |mut store, (): ()| {
        let signals: Vec<_> =
            store.data().context.memory.inbox.iter().map(WireSignal::from).collect();
        charge(&mut store, signals.iter().map(WireSignal::bytes).sum())?;
        Ok((signals,))
    })?;
    instance.func_wrap("children", |mut store, (): ()| {
        let children: Vec<_> =
            store.data().context.memory.children.iter().map(WireChild::from).collect();
        charge(&mut store, children.iter().map(WireChild::bytes).sum())?;
        Ok((children,))
    })
}

fn task(attempt: &Attempt) -> WireTask {
    let context = &attempt.context;
    WireTask {
        tenant: context.tenant.clone(),
        run_id: context.run_id.to_string(),
        flow: context.flow.to_string(),
        flow_version: context.flow_version,
        step: context.step.to_string(),
        handler: context.handler.clone(),
        index: context.index,
        attempt: context.attempt,
        max_attempts: context.max_attempts,
        phase: context.phase.clone(),
        idempotency_key: context.idempotency_key(),
        traceparent: context.traceparent.clone(),
    }
}
