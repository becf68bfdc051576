//! Which functions can be handlers.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::stepcell::handler::types::Input;
use crate::context::Context;
use crate::error::Error;
use crate::input;

/// A function that can be named in [`handlers!`](crate::handlers) or [`durable!`](crate::durable): `fn()`, `fn(Input)`, `fn(Context)` or
/// `fn(Context, Input)`, each answering `Result<Output, Error>`. `Arguments` only tells the four apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler",
    note = "a handler is `fn()`, `fn(Input)`, `fn(Context)` or `fn(Context, Input)` and answers `Result<Output, stepcell_guest::Error>`; \
            `Input` must be `serde::Deserialize` and own its data"
)]
pub trait Handler<Arguments> {
    /// What the function answers: for [`handlers!`](crate::handlers) anything that is `serde::Serialize`, for
    /// [`durable!`](crate::durable) an [`Outcome`](crate::Outcome).
    type Output;

    /// Reads the input and calls the function.
    fn run(&self, input: &Input) -> Result<Self::Output, Error>;
}

impl<F, O> Handler<()> for F
where
    F: Fn() -> Result<O, Error>,
{
    type Output = O;

    fn run(&self, _input: &Input) -> Result<O, Error> {
        self()
    }
}

impl<F, I, O> Handler<(I,)> for F
where
    F: Fn(I) -> Result<O, Error>,
    I: DeserializeOwned,
{
    type Output = O;

    fn run(&self, input: &Input) -> Result<O, Error> {
        self(input::read(input)?)
    }
}

impl<F, O> Handler<Context> for F
where
    F: Fn(Context) -> Result<O, Error>,
{
    type Output = O;

    fn run(&self, _input: &Input) -> Result<O, Error> {
        self(Context(()))
    }
}

impl<F, I, O> Handler<(Context, I)> for F
where
    F: Fn(Context, I) -> Result<O, Error>,
    I: DeserializeOwned,
{
    type Output = O;

    fn run(&self, input: &Input) -> Result<O, Error> {
        self(Context(()), input::read(input)?)
    }
}

/// A value as JSON text.
#[doc(hidden)]
pub fn write(output: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(output).map_err(|error| {
        Error::configuration(format!("the output cannot be written as JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_function_is_a_handler() {
        let input = Input::Flow("[1,2]".to_owned());
        let texts = [
            write(&(|| Ok("none")).run(&input).unwrap()),
            write(&(|numbers: Vec<u8>| Ok(numbers.len())).run(&input).unwrap()),
            write(&(|context: Context| Ok(context.attempt())).run(&input).unwrap()),
            write(
                &(|context: Context, _: serde::de::IgnoredAny| Ok(context.is_last_attempt()))
                    .run(&input)
                    .unwrap(),
            ),
        ];
        let texts: Vec<String> = texts.into_iter().map(Result::unwrap).collect();
        assert_eq!(texts, ["\"none\"", "2", "1", "false"]);
    }
}
