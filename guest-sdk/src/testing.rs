//! The host as a native test sees it: what the context answers is set here, what was logged is read here.
//!
//! Everything belongs to the thread, so tests that run in parallel do not meet.
//!
//! ```
//! use stepcell_guest::testing::{self, context};
//! use stepcell_guest::{Context, Error, info};
//!
//! fn second_time_lucky(context: Context) -> Result<u32, Error> {
//!     info!(attempt = context.attempt(), "trying");
//!     if context.attempt() == 1 { Err(Error::execution("not yet")) } else { Ok(7) }
//! }
//!
//! assert!(second_time_lucky(context()).is_err());
//! testing::set_task(|task| task.attempt = 2);
//! assert_eq!(second_time_lucky(context()).unwrap(), 7);
//! assert_eq!(testing::take_log().len(), 2);
//! ```

use std::cell::RefCell;
use std::mem;

use crate::bindings::stepcell::handler::types::{Child, ChildStatus, Signal, Task};
use crate::context::Context;
use crate::log::Level;

/// One record a handler logged.
#[derive(Clone, Debug)]
pub struct Record {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Its fields, a JSON object.
    pub fields: Option<String>,
}

struct Fake {
    task: Task,
    flow_input: String,
    cancelled: bool,
    state: Option<String>,
    inbox: Vec<Signal>,
    awaited: Vec<u64>,
    children: Vec<Child>,
    log: Vec<Record>,
}

thread_local! {
    static FAKE: RefCell<Fake> = RefCell::new(Fake {
        task: first_attempt(),
        flow_input: "null".to_owned(),
        cancelled: false,
        state: None,
        inbox: Vec::new(),
        awaited: Vec::new(),
        children: Vec::new(),
        log: Vec::new(),
    });
}

/// The time a handler is told it has left, in milliseconds: the default timeout of a step.
const REMAINING_MS: u64 = 30_000;

/// A context for a handler under test: the first attempt of a step named `step`, unless [`set_task`] said otherwise.
pub fn context() -> Context {
    Context(())
}

/// Changes what [`Context::task`] answers from now on.
pub fn set_task(change: impl FnOnce(&mut Task)) {
    FAKE.with_borrow_mut(|fake| change(&mut fake.task));
}

/// Changes what [`Context::flow_input`] answers from now on; JSON text.
pub fn set_flow_input(json: impl Into<String>) {
    FAKE.with_borrow_mut(|fake| fake.flow_input = json.into());
}

/// Changes what [`Context::cancelled`] answers from now on.
pub fn set_cancelled(cancelled: bool) {
    FAKE.with_borrow_mut(|fake| fake.cancelled = cancelled);
}

/// Has the next call go on at this phase with this state; JSON text.
pub fn set_phase(phase: impl Into<String>, state: impl Into<String>) {
    FAKE.with_borrow_mut(|fake| {
        fake.task.phase = phase.into();
        fake.state = Some(state.into());
    });
}

/// Puts a signal into the inbox; `awaited`: the next call was woken for it. The payload is JSON text.
pub fn add_signal(name: impl Into<String>, payload: impl Into<String>, awaited: bool) {
    FAKE.with_borrow_mut(|fake| {
        let id = fake.inbox.len() as u64 + 1;
        fake.inbox.push(Signal { id, name: name.into(), payload: payload.into() });
        fake.awaited.extend(awaited.then_some(id));
    });
}

/// Adds a child that ended: with this output, JSON text, or with an error.
pub fn add_child(key: Option<&str>, ended: Result<&str, &str>) {
    let status = if ended.is_ok() { ChildStatus::Completed } else { ChildStatus::Failed };
    FAKE.with_borrow_mut(|fake| {
        fake.children.push(Child {
            run_id: format!("01900000-0000-7000-8000-{:012}", fake.children.len() + 1),
            key: key.map(str::to_owned),
            status,
            output: ended.ok().map(str::to_owned),
            error: ended.err().map(str::to_owned),
        });
    });
}

/// What was logged since the last call.
pub fn take_log() -> Vec<Record> {
    FAKE.with_borrow_mut(|fake| mem::take(&mut fake.log))
}

fn first_attempt() -> Task {
    Task {
        tenant: "default".to_owned(),
        run_id: "01900000-0000-7000-8000-000000000000".to_owned(),
        flow: "flow".to_owned(),
        flow_version: 1,
        step: "step".to_owned(),
        handler: String::new(),
        index: 0,
        attempt: 1,
        max_attempts: 3,
        phase: String::new(),
        idempotency_key: "01900000-0000-7000-8000-000000000000/step/0/0".to_owned(),
        traceparent: None,
    }
}

pub(crate) fn task() -> Task {
    FAKE.with_borrow(|fake| fake.task.clone())
}

pub(crate) fn flow_input() -> String {
    FAKE.with_borrow(|fake| fake.flow_input.clone())
}

pub(crate) fn state() -> Option<String> {
    FAKE.with_borrow(|fake| fake.state.clone())
}

pub(crate) fn inbox() -> Vec<Signal> {
    FAKE.with_borrow(|fake| fake.inbox.clone())
}

pub(crate) fn awaited() -> Vec<Signal> {
    FAKE.with_borrow(|fake| {
        let is_awaited = |signal: &&Signal| fake.awaited.contains(&signal.id);
        fake.inbox.iter().filter(is_awaited).cloned().collect()
    })
}

pub(crate) fn children() -> Vec<Child> {
    FAKE.with_borrow(|fake| fake.children.clone())
}

pub(crate) fn cancelled() -> bool {
    FAKE.with_borrow(|fake| fake.cancelled)
}

pub(crate) fn remaining_ms() -> u64 {
    REMAINING_MS
}

pub(crate) fn write(level: Level, message: &str, fields: Option<&str>) {
    let record = Record { level, message: message.to_owned(), fields: fields.map(str::to_owned) };
    FAKE.with_borrow_mut(|fake| fake.log.push(record));
}
