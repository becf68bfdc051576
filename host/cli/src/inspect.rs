//! `stepcell inspect`: what a component is, wants and offers, or everything that is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use builder::Install;
use model::limits::MAX_COMPONENT_BYTES;
use model::size::Bytes;
use model::{Capability, Code};
use sandbox::{ComponentReport, Import, Inspection, Prepared};
use serde_json::{Value, json};

use crate::args::{Global, Inspect};
use crate::data_dir::DataDir;
use crate::escape::escape_line;
use crate::exit::Refused;
use crate::local::{Handlers, Ready, Text};
use crate::screen::{Screen, size};
use crate::{host, local};

/// Inspects a file.
pub(crate) async fn run(global: &Global, args: Inspect, screen: &Screen) -> anyhow::Result<()> {
    let data = DataDir::open(&global.data_dir)?;
    let sandbox = host::sandbox(&data, 1)?;
    match local::read(&args.handlers, Install::Never, screen).await? {
        Handlers::Wasm(wasm) => component(&inspect(&sandbox, &wasm)?, screen),
        Handlers::Source(text, runtime) => {
            source(&local::prepare(&sandbox, &text, &runtime).await?, &text, screen)
        }
    }
    Ok(())
}

fn component(found: &Inspection, screen: &Screen) {
    let report = &found.report;
    if screen.is_json() {
        screen.json(&json!({ "digest": found.digest, "report": report }));
        return;
    }
    let world = serde_json::to_value(report.world).expect("a word is always JSON");
    let rows = [
        ("digest", found.digest.to_string()),
        ("world", world.as_str().unwrap_or_default().to_owned()),
        ("pure", pure(report.pure)),
        (
            "size",
            format!(
                "{} B uploaded, {} B as a component",
                report.uploaded_bytes, report.component_bytes
            ),
        ),
        ("starts with", starts_with(report)),
        ("core instances", report.core_instances.to_string()),
        ("describes itself", yes(report.describes).to_owned()),
        ("exports", escape_line(&report.exports.join(", "))),
    ];
    show(&rows, (&report.capabilities, &report.imports), screen);
}

fn source(ready: &Ready, text: &Text, screen: &Screen) {
    let Ready { digest, runtime, prepared, .. } = ready;
    let Prepared { program, description, capabilities, on_error, compensate } = prepared;
    let imports = prepared.imports();
    if screen.is_json() {
        screen.json(&json!({
            "digest": digest,
            "source": { "language": text.language, "runtime": runtime.digest },
            "report": {
                "capabilities": capabilities,
                "imports": imports,
                "pure": capabilities.is_empty(),
                "uploaded_bytes": text.text.len(),
                "component_bytes": program.len(),
            },
            "description": description,
            "on_error": on_error,
            "compensate": compensate,
        }));
        return;
    }
    let rows = [
        ("digest", format!("{digest}, as a source under this runtime")),
        ("language", text.language.to_string()),
        ("runtime", format!("{}, {}", runtime.digest, size(runtime.report.component_bytes))),
        ("pure", pure(capabilities.is_empty())),
        ("size", format!("{} B of text, {} B to be run", text.text.len(), program.len())),
        ("starts with", starts_with(&runtime.report)),
        ("describes itself", escape_line(description.as_str())),
        ("decides on errors", yes(*on_error).to_owned()),
        ("can be undone", yes(*compensate).to_owned()),
    ];
    show(&rows, (capabilities, &imports), screen);
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn pure(pure: bool) -> String {
    format!("{} (it can cause no effect but its answer and its log)", yes(pure))
}

fn starts_with(report: &ComponentReport) -> String {
    let memory = size(report.memory_minimum_bytes);
    format!("{memory} of memory, {} table elements", report.table_elements)
}

fn show(
    rows: &[(&str, String)],
    (capabilities, imports): (&[Capability], &[Import]),
    screen: &Screen,
) {
    for (name, value) in rows {
        screen.line(&format!("{name:<17} {value}"));
    }
    screen.line("asks for");
    for capability in capabilities {
        screen.line(&format!("  {:<40} {}", capability.as_str(), capability.meaning()));
    }
    if capabilities.is_empty() {
        screen.line("  nothing beyond computing");
    }
    screen.line("imports");
    for import in imports {
        screen.line(&format!("  {:<40} {}", escape_line(&import.name), import.meaning));
    }
    if imports.is_empty() {
        screen.line("  none");
    }
}

/// The bytes of a component; a file that is too large for one is refused.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    read_upload(path, MAX_COMPONENT_BYTES)
}

/// The bytes of a file that is to be uploaded; one with more than may be is refused.
pub(crate) fn read_upload(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let read = File::open(path).and_then(|file| at_most(most, file));
    let read = read.with_context(|| format!("cannot read `{}`", path.display()))?;
    read.ok_or_else(|| {
        let detail = format!("`{}` has more than {}", path.display(), Bytes(most as u64));
        Refused::here(Code::ComponentTooLarge, detail, Vec::new()).into()
    })
}

/// All bytes of a source; `None` when it has more. No more than one byte past `most` is read.
pub(crate) fn at_most(most: usize, source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// Checks a component; everything that is wrong is one refusal.
pub(crate) fn inspect(sandbox: &sandbox::Sandbox, bytes: &[u8]) -> Result<Inspection, Refused> {
    sandbox.inspect(bytes).map_err(|reasons| refused(&reasons))
}

/// Reasons as the API would send them.
pub(crate) fn refused(reasons: &[sandbox::Reason]) -> Refused {
    let code = reasons.first().map_or(Code::ComponentInvalid, |reason| reason.code);
    let detail = match reasons {
        [one] => one.detail.clone(),
        several => format!("the component has {} problems", several.len()),
    };
    let listed: Vec<Value> = reasons
        .iter()
        .map(|reason| json!({ "code": reason.code.as_str(), "detail": reason.detail }))
        .collect();
    Refused::here(code, detail, listed)
}
