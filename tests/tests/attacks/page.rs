//! `docs/attacks.md` lists every attack, as the tables in the code say it.

use std::fmt::Write as _;

use attacks::Attack;
use stepcell_tests::guests::root;

use crate::requests::Case;

/// What is set where the page is meant to change.
const ACCEPT: &str = "STEPCELL_ACCEPT_ATTACKS";

const HEAD: &str = "# Attacks

What Stepcell is attacked with, by its tests and by everybody who asks for it:

```sh
stepcell doctor --attack                      # every guest below, on a host and a Postgres of its own
stepcell doctor --attack --only loop_in_start # one of them
cargo test --workspace --test attacks         # the same, the requests, the fuzzers and the differential test of the gate
```

After each the host must be the same process, the run must have ended as the table says, nothing of it may go on, memory,
descriptors and threads must be back, and the runs of another tenant must not have noticed. A test compares this page with
the tables in the code; `STEPCELL_ACCEPT_ATTACKS=1` writes it anew.

None of them found a hole in wasmtime. Were there one, a guest would be in the process that called it: `serve --roles worker` keeps
that apart from the API, as a user and in a network of its own if you give it these; it still has the worker's connection to Postgres
and the keys of secrets. What is compiled is out of reach of both, in a child process without files or network. The pinned release is
in `Cargo.toml`; `cargo audit` holds it against the advisories of the day.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Guests\n\n| attack | what it tries | what stops it | how it ends |\n|---|---|---|---|\n");
    for attack in Attack::all() {
        let Attack { name, limit, expected, .. } = attack;
        writeln!(
            page,
            "| `{name}` | {} | {limit} | `{}` |",
            attack.tries(),
            expected.to_string().replace('`', "")
        )
        .unwrap();
    }
    page.push_str("\n## Requests\n\n| what is sent | how it is answered |\n|---|---|\n");
    for Case { name, expected, .. } in Case::all() {
        writeln!(page, "| {name} | `{expected}` |").unwrap();
    }
    page
}

#[test]
fn the_page_of_the_attacks_is_what_the_tables_say() {
    let path = root().join("docs/attacks.md");
    let page = page();
    if std::env::var_os(ACCEPT).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "where the change is meant, run this test with {ACCEPT}=1");
}

#[test]
fn there_are_as_many_attacks_as_it_takes() {
    assert!(Attack::all().count() >= 45);
    assert!(Case::all().len() >= 40);
}
