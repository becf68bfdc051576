//! The calls into the host: the real ones in a component, the fakes of `testing` in a native test.

#[cfg(target_arch = "wasm32")]
mod calls {
    use crate::bindings::stepcell::handler::context;
    pub(crate) use crate::bindings::stepcell::handler::context::{
        awaited, cancelled, children, flow_input, inbox, remaining_ms, state,
    };
    use crate::bindings::stepcell::handler::log;
    use crate::bindings::stepcell::handler::types::Task;
    use crate::log::Level;

    pub(crate) fn task() -> Task {
        context::task()
    }

    pub(crate) fn write(level: Level, message: &str, fields: Option<&str>) {
        log::write(level, message, fields);
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod calls {
    pub(crate) use crate::testing::{
        awaited, cancelled, children, flow_input, inbox, remaining_ms, state, task, write,
    };
}

pub(crate) use calls::*;
