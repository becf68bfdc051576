//! A handler that does nothing: what is measured around it is Stepcell.

use stepcell_guest::Error;

fn work() -> Result<(), Error> {
    Ok(())
}

stepcell_guest::handlers! { work }
