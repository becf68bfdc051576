//! A report over regions: one child run for each, joined when all have ended.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepcell_guest::{Child, Context, Error, Outcome};

#[derive(Deserialize)]
struct Report {
    regions: Vec<String>,
}

#[derive(Serialize)]
struct Summary {
    total: u64,
    failed: Vec<String>,
}

/// Starts a child for each region, then adds up what they answered. A child that failed does not fail the report.
fn report(context: Context, report: Report) -> Result<Outcome, Error> {
    if context.phase().is_empty() {
        let child = |region: &String| {
            Child::new("fan-out-region", &json!({ "region": region })).key(region.as_str())
        };
        return Ok(Outcome::spawn(report.regions.iter().map(child), "summed", &()));
    }
    let mut summary = Summary { total: 0, failed: Vec::new() };
    for child in context.children() {
        match child.output::<Value>() {
            Ok(output) => summary.total += output["count"]["orders"].as_u64().unwrap_or(0),
            Err(_) => summary.failed.push(child.key().unwrap_or_default().to_owned()),
        }
    }
    Ok(Outcome::complete(&summary))
}

/// Counts the orders of a region: as many as its name has letters. `atlantis` has no orders, and fails.
fn count(input: Value) -> Result<Outcome, Error> {
    let region = input["region"].as_str().unwrap_or_default();
    if region == "atlantis" {
        return Err(Error::validation("atlantis is under water"));
    }
    Ok(Outcome::complete(&json!({ "region": region, "orders": region.len() })))
}

stepcell_guest::durable! { report, count }
