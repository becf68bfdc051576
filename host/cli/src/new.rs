//! `stepcell new`: a folder that builds, with the SDK of its language in it.

use anyhow::Context;
use builder::scaffold::{Template, create, refresh_sdk};
use serde_json::json;

use crate::args::{Lang, New};
use crate::exit::Usage;
use crate::screen::Screen;

/// Makes a project, or brings the SDK in one up to date.
pub(crate) fn run(args: New, screen: &Screen) -> anyhow::Result<()> {
    let New { folder, lang, sdk } = args;
    // `.` and the like have no name of their own.
    let folder = std::path::absolute(&folder).context("the folder cannot be found")?;
    let shown = folder.display();
    match (lang, sdk) {
        (None, true) => {
            refresh_sdk(&folder)?;
            said(screen, &folder, &format!("the SDK in `{shown}` is that of this version"));
        }
        (Some(lang), false) => {
            create(template(lang), &folder)?;
            said(screen, &folder, &format!("`{shown}` is ready"));
            screen.note(&format!("next: cd {shown} && stepcell test ."));
        }
        (None, false) | (Some(_), true) => {
            let text = "say `--lang` for a new folder, or `--sdk` for one that is there";
            return Err(Usage(text.to_owned()).into());
        }
    }
    Ok(())
}

fn said(screen: &Screen, folder: &std::path::Path, line: &str) {
    match screen.is_json() {
        true => screen.json(&json!({ "folder": folder })),
        false => screen.line(line),
    }
}

fn template(lang: Lang) -> Template {
    match lang {
        Lang::Rust => Template::Rust,
        Lang::Js => Template::JavaScript,
        Lang::Ts => Template::TypeScript,
        Lang::Python => Template::Python,
        Lang::C => Template::C,
        Lang::Go => Template::Go,
    }
}
