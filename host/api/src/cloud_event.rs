//! CloudEvents 1.0: the envelope other systems read events in.

use model::RunId;
use serde::Serialize;

use crate::timeline::Event;

/// An event in the JSON format of CloudEvents 1.0, structured mode. `source` and `id` together are unique.
#[derive(Debug, Serialize)]
pub(crate) struct CloudEvent {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: Event,
}

impl CloudEvent {
    /// The event of a run in its envelope: `subject` is the step, or the step and the task's index.
    pub(crate) fn of(run_id: RunId, event: Event) -> Self {
        let subject = event.step.as_ref().map(|step| match event.index {
            Some(index) => format!("{step}/{index}"),
            None => step.clone(),
        });
        Self {
            specversion: "1.0",
            id: event.place.to_string(),
            source: format!("/v1/runs/{run_id}"),
            r#type: format!("stepcell.{}", event.r#type),
            subject,
            time: event.at.clone(),
            datacontenttype: "application/json",
            data: event,
        }
    }
}
