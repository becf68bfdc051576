//! `stepcell explain`: the page of a problem code or failure kind.

use model::code::{explain, suggest};
use model::{Code, FailureKind};
use serde_json::json;

use crate::args::Explain;
use crate::exit::Usage;
use crate::screen::Screen;

/// Prints a page, or the list of pages.
pub(crate) fn run(args: Explain, screen: &Screen) -> anyhow::Result<()> {
    let Some(asked) = args.code else {
        list(screen);
        return Ok(());
    };
    let page = explain(&asked).ok_or_else(|| {
        let near = suggest(&asked);
        let hint = match near.is_empty() {
            true => "`stepcell explain` lists all of them".to_owned(),
            false => format!("did you mean `{}`?", near.join("` or `")),
        };
        Usage(format!("`{asked}` is not a problem code or failure kind; {hint}"))
    })?;
    if screen.is_json() {
        screen.json(&json!({ "code": page.code, "title": page.title, "page": page.text }));
    } else {
        screen.line(page.text.trim_end());
    }
    Ok(())
}

fn list(screen: &Screen) {
    let codes = Code::ALL.iter().map(|code| (code.as_str(), code.title()));
    let kinds = FailureKind::ALL.iter().map(|kind| kind.page()).map(|page| (page.code, page.title));
    let mut all: Vec<(&str, &str)> = codes.chain(kinds).collect();
    all.dedup();
    if screen.is_json() {
        let all: Vec<_> =
            all.iter().map(|(code, title)| json!({ "code": code, "title": title })).collect();
        screen.json(&all);
        return;
    }
    let rows: Vec<Vec<String>> =
        all.iter().map(|(code, title)| vec![(*code).to_owned(), (*title).to_owned()]).collect();
    screen.table(&rows);
}
