//! A chain: functions one after another in one durable task, each in a phase of its own.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::Error;
use crate::handler::write;
use crate::outcome::Outcome;

/// Functions that run one after another; each is given what the one before answered, and the chain answers what the last
/// one did. Each runs in a phase of its own: what it answered is kept before the next one begins, its attempts are counted
/// alone, and nothing runs twice because a later one failed.
///
/// When one fails for good, the details of its error say which (`failed`), what those before it answered (`completed`; how
/// many bytes where that is over 8 KiB) and what the error's own details were (`details`). All answers but the last are the
/// task's state, so together they have at most what one answer of the step may have (`output` in the manifest). A run that is cancelled interrupts the chain where it is.
///
/// ```
/// use stepcell_guest::{Chain, Context, Error, Outcome};
///
/// fn clean(text: String) -> Result<String, Error> {
///     Ok(text.trim().to_lowercase())
/// }
///
/// fn count(text: String) -> Result<usize, Error> {
///     Ok(text.split_whitespace().count())
/// }
///
/// fn words(context: Context, text: String) -> Result<Outcome, Error> {
///     Chain::of(&text)
///         .then("clean", clean)
///         .stop_if(|text: &String| text.is_empty())
///         .then("count", count)
///         .run(context)
/// }
///
/// stepcell_guest::durable! { words }
/// # fn main() {}
/// ```
#[must_use = "a chain does nothing until it runs"]
pub struct Chain<'f> {
    input: Result<String, Error>,
    links: Vec<Link<'f>>,
    /// What is wrong with the chain itself.
    wrong: Option<String>,
}

/// JSON in, JSON out.
type Call<'f> = Box<dyn Fn(&str) -> Result<String, Error> + 'f>;
/// Whether an output, as JSON, is the chain's.
type Stops<'f> = Box<dyn Fn(&str) -> Result<bool, Error> + 'f>;

/// Bytes of details the host keeps of an error.
const MOST_DETAILS: usize = 8 * 1024;

struct Link<'f> {
    name: &'static str,
    call: Call<'f>,
    stops: Option<Stops<'f>>,
}

/// What one function of a chain answered.
#[derive(Serialize, Deserialize)]
struct Done {
    step: String,
    output: Box<RawValue>,
}

impl<'f> Chain<'f> {
    /// A chain whose first function is given this.
    pub fn of(input: &impl Serialize) -> Self {
        Self { input: write(input), links: Vec::new(), wrong: None }
    }

    /// Adds a function. Its name is the name of its phase, and what failures call it: a letter or `_`, then letters,
    /// digits, `_` and `-`, unique in the chain.
    pub fn then<I: DeserializeOwned, O: Serialize>(
        mut self,
        name: &'static str,
        function: impl Fn(I) -> Result<O, Error> + 'f,
    ) -> Self {
        let call = move |input: &str| {
            let input = serde_json::from_str(input).map_err(|error| {
                Error::validation(format!("`{name}` cannot read what it is given: {error}"))
            })?;
            write(&function(input)?)
        };
        if self.links.iter().any(|link| link.name == name) {
            self.wrong = Some(format!("the chain has two functions named `{name}`"));
        }
        self.links.push(Link { name, call: Box::new(call), stops: None });
        self
    }

    /// Ends the chain after the function that was added last where its answer is like this: the chain answers it.
    pub fn stop_if<O: DeserializeOwned>(mut self, is_enough: impl Fn(&O) -> bool + 'f) -> Self {
        let Some(link) = self.links.last_mut() else {
            self.wrong = Some("`stop_if` follows the function it is about".to_owned());
            return self;
        };
        let name = link.name;
        let stops = move |output: &str| match serde_json::from_str(output) {
            Ok(output) => Ok(is_enough(&output)),
            Err(error) => Err(Error::configuration(format!(
                "`stop_if` cannot read what `{name}` answered: {error}"
            ))),
        };
        link.stops = Some(Box::new(stops));
        self
    }

    /// Runs the function whose turn it is. An attempt runs one; the outcome leads to the next.
    pub fn run(self, context: Context) -> Result<Outcome, Error> {
        if let Some(wrong) = self.wrong {
            return Err(Error::configuration(wrong));
        }
        let phase = context.phase();
        let at = match phase.as_str() {
            "" => Some(0),
            name => self.links.iter().position(|link| link.name == name),
        };
        let Some((at, link)) = at.and_then(|at| Some((at, self.links.get(at)?))) else {
            return Err(Error::configuration(format!(
                "the chain has nothing to do at phase `{phase}`"
            )));
        };
        let mut done: Vec<Done> = context.state()?.unwrap_or_default();
        let input = match done.last() {
            Some(before) => before.output.get().to_owned(),
            None => self.input?,
        };
        let output = match (link.call)(&input) {
            Ok(output) => output,
            Err(error) => return Err(tell(error, link.name, &done)),
        };
        let ends = link.stops.as_ref().map_or(Ok(false), |stops| stops(&output))?;
        let output = RawValue::from_string(output)?;
        let Some(next) = self.links.get(at + 1).filter(|_| !ends) else {
            return Ok(Outcome::complete(&output));
        };
        done.push(Done { step: link.name.to_owned(), output });
        Ok(Outcome::next(next.name, &done))
    }
}

/// The error of a function, with what went before it.
fn tell(error: Error, failed: &str, completed: &[Done]) -> Error {
    let own: Option<Box<RawValue>> =
        error.details_text().and_then(|text| RawValue::from_string(text.to_owned()).ok());
    let mut details = serde_json::json!({ "failed": failed, "completed": completed });
    if let (Some(own), Some(details)) = (own, details.as_object_mut()) {
        details.insert("details".to_owned(), serde_json::json!(own));
    }
    if details.to_string().len() > MOST_DETAILS {
        let name = |done: &Done| serde_json::json!({ "step": done.step, "bytes": done.output.get().len() });
        details["completed"] = completed.iter().map(name).collect();
    }
    error.details(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::stepcell::handler::types::Outcome as Wire;
    use crate::testing::{context, set_phase};

    fn chain(input: &str, state: Option<&str>, phase: &str) -> Result<Wire, Error> {
        match state {
            Some(state) => set_phase(phase, state),
            None => set_phase(phase, "[]"),
        }
        let fail = |text: String| match text.as_str() {
            "bad" => Err(Error::validation("no").details([1])),
            _ => Ok(text.len()),
        };
        Chain::of(&input)
            .then("clean", |text: String| Ok(text.trim().to_owned()))
            .stop_if(String::is_empty)
            .then("count", fail)
            .then("double", |count: usize| Ok(count * 2))
            .run(context())
            .and_then(Outcome::into_wire)
    }

    #[test]
    fn each_function_is_given_what_the_one_before_answered() {
        let Ok(Wire::Next(next)) = chain(" abc ", None, "") else { panic!("it goes on") };
        assert_eq!(
            (next.phase.as_str(), next.state.as_str()),
            ("count", r#"[{"step":"clean","output":"abc"}]"#)
        );
        let Ok(Wire::Next(next)) = chain(" abc ", Some(&next.state), "count") else {
            panic!("it goes on")
        };
        let Ok(Wire::Complete(output)) = chain(" abc ", Some(&next.state), "double") else {
            panic!("it is done")
        };
        assert_eq!(output, "6");
    }

    #[test]
    fn a_chain_ends_early_where_it_is_told_to() {
        assert!(matches!(chain("  ", None, ""), Ok(Wire::Complete(output)) if output == "\"\""));
    }

    #[test]
    fn a_chain_that_cannot_be_is_a_configuration_error() {
        set_phase("", "[]");
        let same = |text: String| Ok(text);
        let twice = Chain::of(&"x").then("a", same).then("a", same).run(context());
        let unread = Chain::of(&"x").then("a", same).stop_if(|n: &u32| *n > 1).run(context());
        let early = Chain::of(&"x").stop_if(|n: &u32| *n > 1).then("a", same).run(context());
        for (chain, says) in [(twice, "two functions"), (unread, "cannot read"), (early, "follows")]
        {
            assert!(chain.unwrap_err().message().contains(says), "{says}");
        }
    }

    #[test]
    fn a_failure_says_which_function_failed_and_what_was_done_before() {
        let state = r#"[{"step":"clean","output":"bad"}]"#;
        let error = chain("", Some(state), "count").unwrap_err();
        assert_eq!(
            error.details_text().unwrap(),
            r#"{"completed":[{"output":"bad","step":"clean"}],"details":[1],"failed":"count"}"#
        );
        assert!(chain("", None, "elsewhere").unwrap_err().message().contains("`elsewhere`"));
    }
}
