//! What happened to a run: a page of events, or a stream of them while it lives.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use model::{Code, RunId, TenantId};
use serde::{Deserialize, Serialize};
use store::KeyRow;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read, Standing};
use crate::cloud_event::CloudEvent;
use crate::params::{Params, Parts, page_size, run_id, run_not_found};
use crate::problem::Problem;
use crate::state::State;
use crate::timeline::{Event, Place, Timeline, is_after};
use crate::wait::LOOK_AGAIN;

/// A stream says something at least this often, so that nobody in between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events a slow reader may lag behind before the stream waits for it.
const BACKLOG: usize = 64;
/// Failed looks in a row after which a stream ends; its reader comes back by itself.
const MOST_FAILURES: u32 = 8;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Only what came after this event id.
    since: Option<String>,
    /// Events in a page, 500 at most. Defaults to 50. A stream has no pages.
    limit: Option<i64>,
    /// `cloudevents`: each event is the `data` of a CloudEvent 1.0. Defaults to the event alone.
    envelope: Option<Envelope>,
}

/// What events are wrapped in.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Envelope {
    CloudEvents,
}

/// A page of events, in the order of what happened.
#[derive(Debug, Serialize, ToSchema)]
struct EventPage {
    /// The events.
    #[schema(value_type = Vec<Event>)]
    events: Vec<Told>,
    /// Send it as `since` to go on: for the next page, or later for what has happened by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// True when the last event of the run is in this page or before it.
    ended: bool,
}

/// An event as it was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Told {
    Alone(Event),
    CloudEvent(CloudEvent),
}

/// What happened to a run. With `accept: text/event-stream` a stream that goes on until the run ends; it resumes after
/// `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/events",
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "the run"),
        ("Last-Event-ID" = Option<String>, Header, description = "goes on after this event"),
        EventsQuery,
    ),
    responses((
        status = 200,
        description = "a page, or a stream of events",
        content((EventPage = "application/json"), (String = "text/event-stream")),
    ))
)]
pub(crate) async fn list_events(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
    Params(query): Params<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let last_seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let since = last_seen.or(query.since.as_deref()).map(place).transpose()?;
    let (timeline, first) = begin(&state, tenant, run_id).await?;
    let key = Arc::clone(&caller.key);
    let reader = Reader { state, key, run_id, timeline, since, envelope: query.envelope };
    if wants_stream(&headers) {
        let place = reader.state.streams().take(tenant)?;
        let (tell, told) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            reader.follow(first, tell).await;
            drop(place);
        });
        let alive = KeepAlive::new().interval(KEEP_ALIVE);
        return Ok(Sse::new(ReceiverStream::new(told)).keep_alive(alive).into_response());
    }
    reader.page(first, page_size(query.limit)?).await
}

fn place(text: &str) -> Result<Place, Problem> {
    let bad = |()| Problem::new(Code::RequestBadCursor, "`since` is not the id of an event");
    text.parse().map_err(bad)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

async fn begin(
    state: &State,
    tenant: TenantId,
    run_id: RunId,
) -> Result<(Timeline, Vec<Event>), Problem> {
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    Ok(Timeline::begin(tenant, &run, &version))
}

/// Somebody who reads the events of one run.
struct Reader {
    state: State,
    key: Arc<KeyRow>,
    run_id: RunId,
    timeline: Timeline,
    since: Option<Place>,
    envelope: Option<Envelope>,
}

impl Reader {
    /// The event as it was asked for.
    fn wrap(&self, event: Event) -> Told {
        match self.envelope {
            None => Told::Alone(event),
            Some(Envelope::CloudEvents) => Told::CloudEvent(CloudEvent::of(self.run_id, event)),
        }
    }

    async fn page(mut self, first: Vec<Event>, limit: i64) -> Result<Response, Problem> {
        let mut events = first;
        events.extend(self.timeline.advance(self.state.store()).await?);
        events.retain(|event| is_after(event, self.since));
        events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let last = events.last().map(|event| event.place).or(self.since);
        let ended = match events.last() {
            Some(last) => last.is_end(),
            None => self.timeline.state().end().is_some(),
        };
        let next = last.map(|place| place.to_string());
        let events = events.into_iter().map(|event| self.wrap(event)).collect();
        Ok(axum::Json(EventPage { events, next, ended }).into_response())
    }

    /// Tells everything until the run's last event, or until nobody listens.
    async fn follow(mut self, first: Vec<Event>, tell: mpsc::Sender<Sent>) {
        // Subscribe before looking, or an end between the two is seen a quarter of a second later.
        let mut ended = self.state.store().ended();
        let closing = self.state.closing();
        tokio::pin!(closing);
        let mut events = first;
        let mut failures = 0;
        loop {
            match self.timeline.advance(self.state.store()).await {
                Ok(more) => {
                    failures = 0;
                    events.extend(more);
                }
                Err(_) => failures += 1,
            }
            let is_told = self.tell_all(std::mem::take(&mut events), &tell).await;
            if !is_told || self.timeline.state().end().is_some() || failures > MOST_FAILURES {
                return;
            }
            let this_one = async {
                loop {
                    match ended.recv().await {
                        Ok(id) if id == self.run_id => break,
                        Ok(_) => {}
                        Err(RecvError::Lagged(_) | RecvError::Closed) => {
                            break sleep(LOOK_AGAIN).await;
                        }
                    }
                }
            };
            if !self.may_read().await {
                return;
            }
            tokio::select! {
                () = this_one => {}
                () = sleep(LOOK_AGAIN) => {}
                () = tell.closed() => return,
                () = &mut closing => return,
            }
        }
    }

    /// False once the key has ended. Who cannot be asked now is asked again in a moment.
    async fn may_read(&self) -> bool {
        let standing = self.state.keys().standing(self.state.store(), &self.key).await;
        matches!(standing, Ok(Standing::Good) | Err(_))
    }

    /// False when nobody listens any more, or may.
    async fn tell_all(&self, events: Vec<Event>, tell: &mpsc::Sender<Sent>) -> bool {
        let further = events.into_iter().filter(|event| is_after(event, self.since));
        for (at, event) in further.enumerate() {
            // A slow reader takes minutes for many of them.
            if at % BACKLOG == BACKLOG - 1 && !self.may_read().await {
                return false;
            }
            let told = sse::Event::default().event(event.r#type).id(event.place.to_string());
            let Ok(told) = told.json_data(self.wrap(event)) else {
                continue;
            };
            if tell.send(Ok(told)).await.is_err() {
                return false;
            }
        }
        true
    }
}

type Sent = Result<sse::Event, Infallible>;
