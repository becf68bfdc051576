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
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::stepcell::handler::types::{Child, ChildStatus, Signal, Task};
use crate::context::Context;
use crate::fetch::{self, Request, Response};
use crate::key_value;
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
    fetch: Option<Answers>,
    values: BTreeMap<String, Vec<u8>>,
    secrets: Vec<String>,
    now_ms: u64,
    random: u8,
}

type Answers = Rc<dyn Fn(&Request) -> Result<Response, fetch::Error>>;

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
        fetch: None,
        values: BTreeMap::new(),
        secrets: Vec::new(),
        now_ms: NOW_MS,
        random: 0,
    });
}

/// The time a handler is told it has left, in milliseconds: the default timeout of a step.
const REMAINING_MS: u64 = 30_000;

/// The time a handler is told unless [`set_now`] said otherwise, in milliseconds since 1970: the beginning of 2026.
const NOW_MS: u64 = 1_767_225_600_000;

/// Sets the time that [`system::now`](crate::system::now) answers from now on.
pub fn set_now(now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    FAKE.with_borrow_mut(|fake| fake.now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
}

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

/// Answers requests from now on; before, each is denied.
pub fn on_fetch(answer: impl Fn(&Request) -> Result<Response, fetch::Error> + 'static) {
    FAKE.with_borrow_mut(|fake| fake.fetch = Some(Rc::new(answer)));
}

/// Grants a secret of this name.
pub fn add_secret(name: impl Into<String>) {
    FAKE.with_borrow_mut(|fake| fake.secrets.push(name.into()));
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

pub(crate) fn now_ms() -> u64 {
    FAKE.with_borrow(|fake| fake.now_ms)
}

/// Bytes that count on, so that a test can expect them.
pub(crate) fn random_bytes(len: u32) -> Vec<u8> {
    FAKE.with_borrow_mut(|fake| {
        let mut next = || {
            fake.random = fake.random.wrapping_add(1);
            fake.random
        };
        (0..len).map(|_| next()).collect()
    })
}

pub(crate) fn remaining_ms() -> u64 {
    REMAINING_MS
}

pub(crate) fn write(level: Level, message: &str, fields: Option<&str>) {
    let record = Record { level, message: message.to_owned(), fields: fields.map(str::to_owned) };
    FAKE.with_borrow_mut(|fake| fake.log.push(record));
}

pub(crate) fn send(request: Request) -> Result<Response, fetch::Error> {
    let answer = FAKE.with_borrow(|fake| fake.fetch.clone());
    let denied = || fetch::Error::Denied("`testing::on_fetch` says what is answered".to_owned());
    answer.ok_or_else(denied)?(&request)
}

pub(crate) fn get_value(key: &str) -> Result<Option<Vec<u8>>, key_value::Error> {
    Ok(FAKE.with_borrow(|fake| fake.values.get(key).cloned()))
}

pub(crate) fn set_value(key: &str, value: &[u8]) -> Result<(), key_value::Error> {
    FAKE.with_borrow_mut(|fake| fake.values.insert(key.to_owned(), value.to_vec()));
    Ok(())
}

pub(crate) fn compare_and_set_value(
    key: &str,
    expected: Option<&[u8]>,
    value: &[u8],
) -> Result<bool, key_value::Error> {
    let is_expected = get_value(key)?.as_deref() == expected;
    if is_expected {
        set_value(key, value)?;
    }
    Ok(is_expected)
}

pub(crate) fn delete_value(key: &str) -> Result<bool, key_value::Error> {
    Ok(FAKE.with_borrow_mut(|fake| fake.values.remove(key).is_some()))
}

pub(crate) fn list_values(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, key_value::Error> {
    let is_listed =
        |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(FAKE.with_borrow(|fake| fake.values.keys().filter(is_listed).take(most).cloned().collect()))
}

pub(crate) fn secret_names() -> Vec<String> {
    FAKE.with_borrow(|fake| fake.secrets.clone())
}

pub(crate) fn secret_placeholder(name: &str) -> Result<String, String> {
    let is_granted = secret_names().iter().any(|granted| granted == name);
    let denied = || format!("`testing::add_secret` grants the secret `{name}`");
    is_granted.then(|| format!("{{{{secret:{name}}}}}")).ok_or_else(denied)
}
