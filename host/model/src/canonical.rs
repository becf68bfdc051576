//! A definition as text: what is stored, what is hashed, what is read back.

use crate::definition::Definition;
use crate::graph::cycles;
use crate::id::Digest;
use crate::json::Json;

/// A stored text is not a definition: a fault of the store, never of an author.
#[derive(Debug, thiserror::Error)]
pub enum BadDefinition {
    /// The text has another shape.
    #[error("a stored definition cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// A step needs one that is not there, or itself in a circle.
    #[error("a stored definition has a step whose dependencies cannot be")]
    Graph,
}

impl Definition {
    /// The definition's one text: fields in a fixed order, no space. The same definition always has the same text.
    pub fn to_json(&self) -> Json {
        let text = serde_json::to_string(self)
            .expect("a definition has only text keys and finite numbers");
        Json::trusted(text)
    }

    /// The sha256 of [`Definition::to_json`]: two definitions are the same version when it is the same.
    pub fn content_hash(&self) -> Digest {
        Digest::of(self.to_json().as_str().as_bytes())
    }

    /// Reads what [`Definition::to_json`] wrote.
    pub fn from_json(text: &Json) -> Result<Self, BadDefinition> {
        let definition: Self = serde_json::from_str(text.as_str())?;
        let places =
            |step: &crate::definition::Step| step.needs.iter().map(|needed| needed.at()).collect();
        let needs: Vec<Vec<usize>> = definition.steps.iter().map(places).collect();
        let skipped = definition.steps.iter().flat_map(|step| &step.condition.when_skipped);
        let named = needs.iter().flatten().copied().chain(skipped.map(|step| step.at()));
        let missing = named.into_iter().any(|named| named >= needs.len());
        if missing || !cycles(&needs).is_empty() {
            return Err(BadDefinition::Graph);
        }
        Ok(definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"flow":"f","steps":[{"name":"a","component":"0000000000000000000000000000000000000000000000000000000000000000","options":{"limits":{"fuel":1,"timeout_ms":2,"memory_bytes":3,"input_bytes":4,"output_bytes":5,"log_bytes":6,"log_records":7},"max_attempts":3,"backoff":{"strategy":"linear","base_ms":1,"factor":2.5,"max_ms":9,"jitter":0.1}},"output_schema":{"type":"number","minimum":1e300}}]}"#;

    #[test]
    fn a_definition_is_read_back_as_it_was_written() {
        let definition = Definition::from_json(&Json::trusted(TEXT)).unwrap();
        assert_eq!(definition.to_json().as_str(), TEXT);
        assert_eq!(definition.content_hash(), Digest::of(TEXT.as_bytes()));
    }

    #[test]
    fn a_stored_graph_that_cannot_be_is_refused() {
        for needs in ["[0]", "[7]"] {
            let text = TEXT.replace(r#""name":"a","#, &format!(r#""name":"a","needs":{needs},"#));
            assert!(Definition::from_json(&Json::trusted(text)).is_err());
        }
        assert!(Definition::from_json(&Json::trusted("{}")).is_err());
    }
}
