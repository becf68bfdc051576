//! The fields of a JSON body; what was given as JSON goes along as it was written.

use crate::args::{Base, Said, SaidOnce};
use crate::exec::read_json;

/// The fields of a body.
#[derive(Default)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// A text, if there is one.
    pub(crate) fn text(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        let quoted = |text| serde_json::to_string(text).expect("a text is always JSON");
        self.raw(name, text.map(quoted))
    }

    /// A number or other JSON, if there is one.
    pub(crate) fn raw(&mut self, name: &str, json: Option<impl std::fmt::Display>) -> &mut Self {
        self.0.extend(json.map(|json| format!("\"{name}\":{json}")));
        self
    }

    /// What is started.
    pub(crate) fn base(&mut self, base: &Base) -> &mut Self {
        self.text("flow", base.flow.as_deref()).text("closure", base.closure.as_deref())
    }

    /// What is said about a run.
    pub(crate) fn said(&mut self, said: &Said) -> anyhow::Result<&mut Self> {
        let input = said.input.as_ref().map(|input| read_json(input, "`--input`"));
        let options = said.options.as_ref().map(|options| read_json(options, "`--options`"));
        Ok(self
            .raw("input", input.transpose()?)
            .raw("version", said.version)
            .raw("priority", said.priority)
            .raw("deadline_ms", said.deadline.map(|most| most.as_millis()))
            .raw("options", options.transpose()?))
    }

    /// What is said about a run that no schedule can say.
    pub(crate) fn once(&mut self, once: &SaidOnce) -> &mut Self {
        self.raw("delay_ms", once.delay.map(|delay| delay.as_millis()))
            .text("key", once.key.as_deref())
    }

    /// All of them.
    pub(crate) fn object(&self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}
