//! Finds the handler a task means, and the macro that makes functions into a component.

use crate::bindings::stepcell::handler::types::{HandlerError, Input};
use crate::error::Error;
use crate::host;

/// A handler with its name, its types erased.
#[doc(hidden)]
pub struct Entry<Answer = String> {
    /// The name flows call it by.
    pub name: &'static str,
    /// Reads, calls, writes.
    pub call: fn(&Input) -> Result<Answer, Error>,
}

/// Makes the named functions the handlers of this component. Once in a crate, which must be a `cdylib`.
///
/// A flow names them as they are called here, or by the text in front of `=>`. A component with one handler can be used
/// without naming it.
///
/// ```
/// # use stepcell_guest::Error;
/// fn parse(text: String) -> Result<Vec<String>, Error> {
///     Ok(text.lines().map(str::to_owned).collect())
/// }
/// fn count(lines: Vec<String>) -> Result<usize, Error> {
///     Ok(lines.len())
/// }
///
/// stepcell_guest::handlers! { parse, "count-lines" => count }
/// # fn main() {}
/// ```
///
/// With `flow = "...";` in front, the component carries a flow: the JSON of its manifest, most often `include_str!("../flow.json")`.
/// Steps that name no component call this one, and uploading it registers the flow.
///
/// ```
/// # use stepcell_guest::Error;
/// # fn parse(text: String) -> Result<Vec<String>, Error> { Ok(text.lines().map(str::to_owned).collect()) }
/// stepcell_guest::handlers! { flow = r#"{"flow": "lines", "step": [{"name": "parse"}]}"#; parse }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! handlers {
    (@entries [$($flow:expr)?] [$($done:tt)*]) => {
        const _: () = {
            static ENTRIES: &[$crate::Entry] = &[$($done)*];
            // Bad names stop the build.
            const NAMES: () = $crate::check_names(&[$($done)*]);

            struct Component;

            impl $crate::bindings::Guest for Component {
                fn handle(
                    input: $crate::bindings::Input,
                ) -> ::core::result::Result<::std::string::String, $crate::bindings::HandlerError> {
                    let () = NAMES;
                    $crate::dispatch(ENTRIES, &input)
                }

                fn describe() -> ::std::string::String {
                    $crate::describe(ENTRIES, &[$($flow)?])
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
    (@entries $flow:tt [$($done:tt)*] $name:literal => $function:path $(, $($rest:tt)*)?) => {
        $crate::handlers!(@entries $flow [
            $($done)*
            $crate::Entry {
                name: $name,
                call: |input| $crate::write(&$crate::Handler::run(&$function, input)?),
            },
        ] $($($rest)*)?);
    };
    (@entries $flow:tt [$($done:tt)*] $function:ident $(, $($rest:tt)*)?) => {
        $crate::handlers!(@entries $flow [$($done)*] ::core::stringify!($function) => $function $(, $($rest)*)?);
    };
    (@entries $flow:tt [$($done:tt)*] ::core::stringify!($text:ident) => $function:path $(, $($rest:tt)*)?) => {
        $crate::handlers!(@entries $flow [
            $($done)*
            $crate::Entry {
                name: ::core::stringify!($text),
                call: |input| $crate::write(&$crate::Handler::run(&$function, input)?),
            },
        ] $($($rest)*)?);
    };
    (flow = $flow:expr; $($handlers:tt)+) => { $crate::handlers!(@entries [$flow] [] $($handlers)+); };
    ($($handlers:tt)+) => { $crate::handlers!(@entries [] [] $($handlers)+); };
}

/// Calls the handler the task names.
#[doc(hidden)]
pub fn dispatch(entries: &[Entry], input: &Input) -> Result<String, HandlerError> {
    call(entries, input).map_err(Error::into_wire)
}

pub(crate) fn call<Answer>(entries: &[Entry<Answer>], input: &Input) -> Result<Answer, Error> {
    log_panics();
    find(entries, &host::task().handler).and_then(|entry| (entry.call)(input))
}

/// What the component says at upload: the names, and the flow that it carries, one at most.
#[doc(hidden)]
pub fn describe<Answer>(entries: &[Entry<Answer>], flow: &[&str]) -> String {
    let names: Vec<String> = entries.iter().map(|entry| format!("\"{}\"", entry.name)).collect();
    let flow: String = flow.iter().map(|flow| format!(",\"flow\":{}", carried(flow))).collect();
    format!("{{\"handlers\":[{}]{flow}}}", names.join(","))
}

/// A manifest as JSON. What is none is told at upload, as a text that is no manifest.
fn carried(flow: &str) -> String {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(flow).is_ok();
    if is_json { flow.to_owned() } else { serde_json::Value::from(flow).to_string() }
}

/// Refuses, while compiling, names that a flow could not use and names used twice.
#[doc(hidden)]
pub const fn check_names<Answer>(entries: &[Entry<Answer>]) {
    let mut at = 0;
    while at < entries.len() {
        let name = entries[at].name.as_bytes();
        assert!(
            is_name(name),
            "a handler's name starts with a letter or `_`, goes on with letters, digits, `_` or `-`, and has at most 128"
        );
        let mut before = 0;
        while before < at {
            assert!(
                !is_same(entries[before].name.as_bytes(), name),
                "two handlers have the same name"
            );
            before += 1;
        }
        at += 1;
    }
}

const fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > 128 || name[0].is_ascii_digit() || name[0] == b'-' {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        if !(name[at].is_ascii_alphanumeric() || name[at] == b'_' || name[at] == b'-') {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_same(one: &[u8], two: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < two.len() && one[at] == two[at] {
        at += 1;
    }
    at == one.len() && at == two.len()
}

/// The handler of this name; the only one where no name is given.
fn find<'a, Answer>(entries: &'a [Entry<Answer>], name: &str) -> Result<&'a Entry<Answer>, Error> {
    let found = match entries {
        [only] if name.is_empty() => Some(only),
        _ => entries.iter().find(|entry| entry.name == name),
    };
    found.ok_or_else(|| {
        let names: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.name)).collect();
        let names = names.join(", ");
        Error::configuration(if name.is_empty() {
            format!("the component carries several handlers ({names}), and the step names none; add `handler = ...`")
        } else {
            format!("the component has no handler `{name}`, only {names}; change the step's `handler`")
        })
    })
}

/// A panic cannot be answered, only logged: the trap that follows carries no message.
pub(crate) fn log_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        host::write(crate::log::Level::Error, &panic.to_string(), None);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Handler, testing};

    fn double(number: i64) -> Result<i64, Error> {
        Ok(number * 2)
    }

    fn refuse() -> Result<(), Error> {
        Err(Error::dependency("closed").retry_after(std::time::Duration::from_secs(2)).details([1]))
    }

    const TWO: &[Entry] = &[
        Entry { name: "double", call: |input| crate::write(&double.run(input)?) },
        Entry { name: "refuse", call: |input| crate::write(&refuse.run(input)?) },
    ];

    fn call(entries: &[Entry], handler: &str, json: &str) -> Result<String, HandlerError> {
        testing::set_task(|task| handler.clone_into(&mut task.handler));
        dispatch(entries, &Input::Flow(json.to_owned()))
    }

    #[test]
    fn the_handler_the_task_names_is_called() {
        assert_eq!(call(TWO, "double", "21").unwrap(), "42");
        let error = call(TWO, "refuse", "21").unwrap_err();
        assert_eq!((error.retry_after_ms, error.details.as_deref()), (Some(2_000), Some("[1]")));
    }

    #[test]
    fn a_component_with_one_handler_needs_no_name() {
        assert_eq!(call(&TWO[..1], "", "1").unwrap(), "2");
    }

    #[test]
    fn a_name_that_is_missing_or_unknown_is_a_configuration_error_that_lists_the_handlers() {
        for (name, said) in [("", "names none"), ("triple", "no handler `triple`")] {
            let error = call(TWO, name, "1").unwrap_err();
            assert_eq!(error.kind, crate::ErrorKind::Configuration);
            assert!(error.message.contains(said) && error.message.contains("`double`, `refuse`"));
        }
    }

    #[test]
    fn the_description_lists_the_handlers() {
        assert_eq!(describe(TWO, &[]), r#"{"handlers":["double","refuse"]}"#);
        let carried = describe(&TWO[..1], &[r#"{"flow":"f"}"#]);
        assert_eq!(carried, r#"{"handlers":["double"],"flow":{"flow":"f"}}"#);
        assert_eq!(
            describe(&TWO[..1], &["no \"json"]),
            r#"{"handlers":["double"],"flow":"no \"json"}"#
        );
    }

    #[test]
    fn names_that_no_flow_could_use_are_refused() {
        assert!(is_name(b"a-1_B") && is_name(b"_"));
        assert!(!is_name(b"") && !is_name(b"1a") && !is_name(b"-a") && !is_name("ü".as_bytes()));
        assert!(is_same(b"ab", b"ab") && !is_same(b"ab", b"abc"));
    }
}
