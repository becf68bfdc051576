//! `stepcell inspect`: what a component is, wants and offers, or everything that is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use model::Code;
use model::limits::MAX_COMPONENT_BYTES;
use model::size::Bytes;
use sandbox::Inspection;
use serde_json::{Value, json};

use crate::args::{Global, Inspect};
use crate::data_dir::DataDir;
use crate::escape::escape_line;
use crate::exit::Refused;
use crate::host;
use crate::screen::{Screen, size};

/// Inspects a file.
pub(crate) fn run(global: &Global, args: Inspect, screen: &Screen) -> anyhow::Result<()> {
    let data = DataDir::open(&global.data_dir)?;
    let sandbox = host::sandbox(&data, 1)?;
    let found = inspect(&sandbox, &read(&args.wasm)?)?;
    if screen.is_json() {
        screen.json(&json!({ "digest": found.digest, "report": found.report }));
        return Ok(());
    }
    let report = &found.report;
    let world = serde_json::to_value(report.world)?;
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    let rows = [
        ("digest", found.digest.to_string()),
        ("world", world.as_str().unwrap_or_default().to_owned()),
        (
            "pure",
            format!("{} (it can cause no effect but its answer and its log)", yes(report.pure)),
        ),
        (
            "size",
            format!(
                "{} B uploaded, {} B as a component",
                report.uploaded_bytes, report.component_bytes
            ),
        ),
        (
            "starts with",
            format!(
                "{} of memory, {} table elements",
                size(report.memory_minimum_bytes),
                report.table_elements
            ),
        ),
        ("core instances", report.core_instances.to_string()),
        ("describes itself", yes(report.describes).to_owned()),
        ("exports", escape_line(&report.exports.join(", "))),
    ];
    for (name, value) in rows {
        screen.line(&format!("{name:<17} {value}"));
    }
    screen.line("asks for");
    for capability in &report.capabilities {
        screen.line(&format!("  {:<40} {}", capability.as_str(), capability.meaning()));
    }
    if report.capabilities.is_empty() {
        screen.line("  nothing beyond computing");
    }
    screen.line("imports");
    for import in &report.imports {
        screen.line(&format!("  {:<40} {}", escape_line(&import.name), import.meaning));
    }
    if report.imports.is_empty() {
        screen.line("  none");
    }
    Ok(())
}

/// The bytes of a component; a file that is too large for one is refused.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = File::open(path).and_then(|file| at_most(MAX_COMPONENT_BYTES, file));
    let read = read.with_context(|| format!("cannot read `{}`", path.display()))?;
    read.ok_or_else(|| {
        let most = Bytes(MAX_COMPONENT_BYTES as u64);
        let detail = format!("`{}` has more than {most}", path.display());
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
