//! One handler: it greets whoever the run is about.

use stepcell_guest::{Error, info};

#[derive(serde::Deserialize)]
struct Greeting {
    name: String,
}

fn hello(input: Greeting) -> Result<String, Error> {
    if input.name.trim().is_empty() {
        return Err(Error::validation(
            "`name` is empty; give the run an input like {\"name\": \"Ada\"}",
        ));
    }
    info!(name = input.name, "greeting");
    Ok(format!("Hello, {}!", input.name))
}

stepcell_guest::handlers! { hello }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_greeted() {
        assert_eq!(hello(Greeting { name: "Ada".to_owned() }).unwrap(), "Hello, Ada!");
    }

    #[test]
    fn an_empty_name_is_the_callers_mistake() {
        let error = hello(Greeting { name: " ".to_owned() }).unwrap_err();
        assert_eq!(error.kind(), stepcell_guest::ErrorKind::Validation);
    }
}
