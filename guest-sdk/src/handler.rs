//! Which functions can be handlers.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::stepcell::handler::types::Input;
use crate::context::Context;
use crate::error::Error;
use crate::input;

/// A function that can be named in [`handlers!`](crate::handlers): `fn()`, `fn(Input)`, `fn(Context)` or
/// `fn(Context, Input)`, each answering `Result<Output, Error>`. `Arguments` only tells the four apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler",
    note = "a handler is `fn()`, `fn(Input)`, `fn(Context)` or `fn(Context, Input)` and answers `Result<Output, stepcell_guest::Error>`; \
            `Input` must be `serde::Deserialize` and own its data, `Output` must be `serde::Serialize`"
)]
pub trait Handler<Arguments> {
    /// Reads the input, calls the function and writes its answer as JSON text.
    fn answer(&self, input: &Input) -> Result<String, Error>;
}

impl<F, O> Handler<()> for F
where
    F: Fn() -> Result<O, Error>,
    O: Serialize,
{
    fn answer(&self, _input: &Input) -> Result<String, Error> {
        write(&self()?)
    }
}

impl<F, I, O> Handler<(I,)> for F
where
    F: Fn(I) -> Result<O, Error>,
    I: DeserializeOwned,
    O: Serialize,
{
    fn answer(&self, input: &Input) -> Result<String, Error> {
        write(&self(input::read(input)?)?)
    }
}

impl<F, O> Handler<Context> for F
where
    F: Fn(Context) -> Result<O, Error>,
    O: Serialize,
{
    fn answer(&self, _input: &Input) -> Result<String, Error> {
        write(&self(Context(()))?)
    }
}

impl<F, I, O> Handler<(Context, I)> for F
where
    F: Fn(Context, I) -> Result<O, Error>,
    I: DeserializeOwned,
    O: Serialize,
{
    fn answer(&self, input: &Input) -> Result<String, Error> {
        write(&self(Context(()), input::read(input)?)?)
    }
}

fn write(output: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(output).map_err(|error| {
        Error::execution(format!("the output cannot be written as JSON: {error}")).retry(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_function_is_a_handler() {
        let input = Input::Flow("[1,2]".to_owned());
        let texts = [
            (|| Ok("none")).answer(&input),
            (|numbers: Vec<u8>| Ok(numbers.len())).answer(&input),
            (|context: Context| Ok(context.attempt())).answer(&input),
            (|context: Context, _: serde::de::IgnoredAny| Ok(context.is_last_attempt()))
                .answer(&input),
        ];
        let texts: Vec<String> = texts.into_iter().map(Result::unwrap).collect();
        assert_eq!(texts, ["\"none\"", "2", "1", "false"]);
    }
}
