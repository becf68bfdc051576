//! What a table of promises is made of, and the driver that runs its rows on one host and tells every false sentence at once.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use model::Digest;
use reqwest::Method;
use serde_json::{Map, Value, json};
use stepcell_tests::client::{Answer, send, until};
use stepcell_tests::host::Host;
use stepcell_tests::remote::Remote;

/// Rows that run at the same time.
const AT_ONCE: usize = 8;

/// What one system promises.
pub(crate) struct Table {
    /// The system; the flows of its rows are `<name>-<number of the row>`.
    pub(crate) name: &'static str,
    /// The guests of its flows.
    pub(crate) guests: &'static [Guest],
    /// Lines that every flow begins with.
    pub(crate) common: &'static str,
    /// The promises.
    pub(crate) rows: &'static [Row],
}

/// What flows call a guest, and how it is built.
pub(crate) type Guest = (&'static str, fn() -> Vec<u8>);

/// One promise. `<flow>`, `<run>`, `<url>`, `<port>` and the names of guests stand for the row's flow, its run, a service of
/// its own and its port, and the digests, in every text but the sentence.
pub(crate) struct Row {
    /// A sentence that is true or false.
    pub(crate) says: &'static str,
    /// The flow: a step in each line that begins with `name =`, and what is true of the whole flow in the others.
    pub(crate) flow: &'static str,
    /// What is done after it was registered.
    pub(crate) does: &'static [Act],
    /// What must be seen in the end.
    pub(crate) sees: &'static [Fact],
}

/// Something a program does from outside.
pub(crate) enum Act {
    /// Registers another flow: `<flow>` and this after it.
    Deploy(&'static str, &'static str),
    /// Starts a run with this input. It is the one that is looked at from now on.
    Start(&'static str),
    /// Starts a run and waits for its end.
    Run(&'static str),
    /// Waits until the run has ended.
    End,
    /// Waits until this is seen.
    Wait(&'static str, &'static str),
    /// Sends a signal with a payload to the run.
    Signal(&'static str, &'static str),
    /// Sends a request and keeps its answer.
    Ask(&'static str, &'static str),
    /// Looks at the run whose id is at this place of the last answer.
    Follow(&'static str),
    /// What `<url>/switched` answers from now on.
    Switch(u16),
}

/// What is at a place, a JSON pointer, of everything that is seen: the members of the run; `tries/<step>/<index>`, the
/// attempts of a task; `events`; `answers`; `registered`, the answer to the flow; `calls`, what arrived at `<url>`; and
/// `took_ms`, from the first start to the last end.
pub(crate) enum Fact {
    /// This JSON. What is not there is null.
    Is(&'static str, &'static str),
    /// JSON with this text in it.
    Has(&'static str, &'static str),
    /// A number from the one to the other.
    Within(&'static str, u64, u64),
}

/// Runs every row of a table on a host.
///
/// # Panics
/// When a sentence is false; the message has all of them.
pub(crate) async fn check(table: &'static Table, host: Host) {
    let stage = Stage::set(table, host).await;
    let rows = table.rows.iter().enumerate().map(|(number, row)| {
        let stage = Arc::clone(&stage);
        let flow = format!("{}-{number}", table.name);
        async move {
            let says = format!("{} (`{flow}`)", row.says);
            let play =
                tokio::spawn(
                    async move { Play::new(stage, flow, table.common).await.play(row).await },
                );
            match play.await {
                Ok(seen) => seen.into_iter().map(|seen| format!("{says}\n    {seen}")).collect(),
                Err(why) => vec![format!("{says}\n    {}", panicked(why))],
            }
        }
    });
    let wrong: Vec<Vec<String>> = stream::iter(rows).buffer_unordered(AT_ONCE).collect().await;
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "not kept of {}:\n\n{}\n", table.name, wrong.join("\n\n"));
}

fn panicked(why: tokio::task::JoinError) -> String {
    let why = why.into_panic();
    let text = why.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| why.downcast_ref::<&str>().copied().unwrap_or("it panicked").to_owned())
}

/// What all rows share.
struct Stage {
    host: Host,
    /// The guests of the table, and where they are.
    guests: Vec<(&'static str, Digest)>,
}

impl Stage {
    async fn set(table: &'static Table, host: Host) -> Arc<Self> {
        let mut guests = Vec::new();
        for (name, build) in table.guests {
            let bytes = tokio::task::spawn_blocking(build).await.expect("the guest builds");
            guests.push((*name, host.upload(bytes).await));
        }
        Arc::new(Self { host, guests })
    }
}

/// A row while it is played.
struct Play {
    stage: Arc<Stage>,
    flow: String,
    common: &'static str,
    remote: Remote,
    run: String,
    begun: Option<Instant>,
    took_ms: u64,
    answers: Vec<Value>,
}

impl Play {
    async fn new(stage: Arc<Stage>, flow: String, common: &'static str) -> Self {
        let (remote, run, begun) = (Remote::start().await, String::new(), None);
        Self { stage, flow, common, remote, run, begun, took_ms: 0, answers: Vec::new() }
    }

    /// What is not as the row says.
    async fn play(mut self, row: &Row) -> Vec<String> {
        let registered = self.deploy("", row.flow).await;
        let is_about_that = |fact: &Fact| fact.place().starts_with("/registered");
        if registered.status >= 300 && !row.sees.iter().any(is_about_that) {
            return vec![format!("the flow was refused: {:#}", registered.body)];
        }
        for act in row.does {
            self.act(act).await;
        }
        let mut wrong = Vec::new();
        for fact in row.sees {
            let seen = self.seen(&registered, fact.place()).await;
            wrong.extend(fact.misses(&seen, |text| self.fill(text)));
        }
        wrong
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Deploy(name, flow) => {
                let answer = self.deploy(name, flow).await;
                self.keep(answer);
            }
            Act::Start(input) => self.start(input).await,
            Act::Run(input) => {
                self.start(input).await;
                self.end().await;
            }
            Act::End => self.end().await,
            Act::Wait(place, wanted) => self.wait(place, wanted).await,
            Act::Signal(name, payload) => {
                let payload = json_of(&self.fill(payload));
                let answer = self.stage.host.client.signal(&self.run, name, &payload).await;
                self.keep(answer);
            }
            Act::Ask(what, body) => self.ask(what, body).await,
            Act::Follow(place) => {
                let id = self.answers.last().and_then(|last| last["body"].pointer(place));
                let id = id.and_then(Value::as_str);
                self.run =
                    id.unwrap_or_else(|| panic!("no {place} in {:#?}", self.answers)).to_owned();
            }
            Act::Switch(status) => self.remote.switch(*status),
        }
    }

    fn keep(&mut self, Answer { status, body }: Answer) {
        self.answers.push(json!({ "status": status, "body": body }));
    }

    async fn deploy(&self, name: &str, flow: &str) -> Answer {
        let lines = self.common.lines().chain(flow.lines()).map(str::trim);
        let (steps, whole): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.starts_with("name ="));
        let steps: Vec<String> = steps.iter().map(|step| format!("{{ {step} }},\n")).collect();
        let steps = match steps.is_empty() {
            true => String::new(),
            false => format!("step = [\n{}]\n", steps.concat()),
        };
        let text = format!("flow = \"<flow>{name}\"\n{}\n{steps}", whole.join("\n"));
        let request = self.stage.host.client.request(Method::POST, "/v1/flows?activate=true");
        send(request.header("content-type", "application/toml").body(self.fill(&text))).await
    }

    async fn start(&mut self, input: &str) {
        let input = json_of(&self.fill(input));
        self.begun.get_or_insert_with(Instant::now);
        self.run = self.stage.host.client.start(&self.flow, &input).await;
    }

    async fn end(&mut self) {
        self.stage.host.client.ended(&self.run).await;
        let took = self.begun.map(|begun| begun.elapsed().as_millis()).unwrap_or_default();
        self.took_ms = u64::try_from(took).unwrap_or(u64::MAX);
    }

    async fn wait(&self, place: &str, wanted: &str) {
        let wanted = json_of(&self.fill(wanted));
        let path = format!("/v1/runs/{}", self.run);
        let is_there = async || {
            let run = self.stage.host.client.get(&path).await.ok();
            (run.pointer(place) == Some(&wanted)).then_some(())
        };
        until(&format!("{place} of `{}` is {wanted}", self.flow), is_there).await;
    }

    async fn ask(&mut self, what: &str, body: &str) {
        let (method, path) = what.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        self.begun.get_or_insert_with(Instant::now);
        let request = self.stage.host.client.request(method, &self.fill(path));
        let request = match body {
            "" => request,
            body => request.header("content-type", "application/json").body(self.fill(body)),
        };
        self.keep(send(request).await);
    }

    fn fill(&self, text: &str) -> String {
        let text = text
            .replace("<flow>", &self.flow)
            .replace("<run>", &self.run)
            .replace("<url>", &self.remote.url)
            .replace("<port>", self.remote.url.rsplit(':').next().unwrap_or_default());
        let guests = self.stage.guests.iter();
        guests.fold(text, |text, (name, digest)| text.replace(name, &digest.to_string()))
    }

    /// What is at a place.
    async fn seen(&self, registered: &Answer, place: &str) -> Value {
        let client = &self.stage.host.client;
        let parts: Vec<&str> = place.split('/').collect();
        let whole = match parts[..] {
            [_, "registered", ..] => {
                json!({ "registered": { "status": registered.status, "body": registered.body } })
            }
            [_, "answers", ..] => json!({ "answers": self.answers }),
            [_, "took_ms"] => json!({ "took_ms": self.took_ms }),
            [_, "calls", ..] => {
                let calls: Vec<Value> =
                    self.remote.seen().into_iter().map(|seen| seen.whole).collect();
                json!({ "calls": calls })
            }
            [_, "events", ..] => json!({ "events": self.events().await }),
            [_, "tries", step, index, ..] => {
                let path = format!("/v1/runs/{}/steps/{step}/tasks/{index}/attempts", self.run);
                let mut task = client.get(&path).await.body;
                let mut tasks = Map::new();
                tasks.insert(index.to_owned(), task["attempts"].take());
                json!({ "tries": { step: tasks } })
            }
            _ => client.get(&format!("/v1/runs/{}", self.run)).await.body,
        };
        whole.pointer(place).cloned().unwrap_or_default()
    }

    /// Of a run that has ended all of them, the last one too.
    async fn events(&self) -> Vec<String> {
        let client = &self.stage.host.client;
        let run = client.get(&format!("/v1/runs/{}", self.run)).await.ok();
        let last = format!("run_{}", run["status"].as_str().unwrap_or_default());
        let is_live = run["ended_at"].is_null();
        let told = async || {
            let events = client.events(&self.run).await;
            (is_live || events.last() == Some(&last)).then_some(events)
        };
        until("every event can be read", told).await
    }
}

impl Fact {
    fn place(&self) -> &'static str {
        match self {
            Self::Is(place, _) | Self::Has(place, _) | Self::Within(place, _, _) => place,
        }
    }

    /// What is wrong with what is seen.
    fn misses(&self, seen: &Value, fill: impl Fn(&str) -> String) -> Option<String> {
        let (holds, wanted) = match self {
            Self::Is(_, json) => {
                let wanted = json_of(&fill(json));
                (*seen == wanted, wanted.to_string())
            }
            Self::Has(_, text) => {
                let text = fill(text);
                (seen.to_string().contains(&text), format!("… {text} …"))
            }
            Self::Within(_, from, to) => {
                let number = seen.as_u64();
                (number.is_some_and(|n| (*from..=*to).contains(&n)), format!("{from} to {to}"))
            }
        };
        (!holds).then(|| format!("{}: wanted {wanted}, seen {seen}", self.place()))
    }
}

/// The JSON a row wrote.
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("a row writes JSON: {why}: {text}"))
}
