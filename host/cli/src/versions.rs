//! `stepcell flows`, `versions`, `diff`, `activate`, `rollback`.

use serde_json::json;

use crate::answers::{Activated, Diff, Difference, Flow, Flows, Version, Versions};
use crate::args;
use crate::client::{Ask, Client, part, query};
use crate::escape::escape_line;
use crate::pages;
use crate::screen::Screen;

/// Lists the flows.
pub(crate) async fn flows(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["flow", "active", "versions", "registered"];
    pages::show(client, "/v1/flows", &heading, screen, |page: Flows| {
        let row = |Flow { flow, active_version, version_count, created_at }| {
            let active = active_version.map_or(String::new(), |version: u32| version.to_string());
            vec![flow, active, version_count.to_string(), created_at]
        };
        (page.flows.into_iter().map(row).collect(), page.next)
    })
    .await
}

/// Lists the versions of a flow.
pub(crate) async fn list(client: &Client, args: args::Flow, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["version", "active", "live runs", "registered", "activated", "content"];
    let path = format!("/v1/flows/{}/versions", part(&args.flow));
    pages::show(client, &path, &heading, screen, |page: Versions| {
        let row = |version: Version| {
            vec![
                version.version.to_string(),
                if version.active { "*" } else { "" }.to_owned(),
                version.live_runs.unwrap_or(0).to_string(),
                version.created_at,
                version.activated_at.unwrap_or_default(),
                version.content_hash.get(..12).unwrap_or_default().to_owned(),
            ]
        };
        (page.versions.into_iter().map(row).collect(), page.next)
    })
    .await
}

/// Says what changed between two versions.
pub(crate) async fn diff(client: &Client, args: args::Diff, screen: &Screen) -> anyhow::Result<()> {
    let query = query(&[
        ("from", args.from.map(|n| n.to_string())),
        ("to", args.to.map(|n| n.to_string())),
    ]);
    let text = client.text(Ask::get(format!("/v1/flows/{}/diff{query}", part(&args.flow)))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let Diff { from, to, differences } = serde_json::from_str(&text)?;
    screen.line(&format!("from version {from} to {to}"));
    show_differences(&differences, screen);
    Ok(())
}

/// One line for each difference.
pub(crate) fn show_differences(differences: &[Difference], screen: &Screen) {
    if differences.is_empty() {
        screen.line("  nothing changed");
    }
    for difference in differences {
        screen.line(&format!("  {}", escape_line(&difference.text)));
    }
}

/// Points new runs at a version.
pub(crate) async fn activate(
    client: &Client,
    args: args::Activate,
    screen: &Screen,
) -> anyhow::Result<()> {
    let path = format!("/v1/flows/{}/activate", part(&args.flow));
    let ask = Ask::post(path, json!({ "version": args.version }).to_string());
    show(&client.text(ask).await?, screen)
}

/// Points new runs at an earlier version.
pub(crate) async fn roll_back(
    client: &Client,
    args: args::Rollback,
    screen: &Screen,
) -> anyhow::Result<()> {
    let path = format!("/v1/flows/{}/rollback", part(&args.flow));
    let body = args.version.map_or(json!({}), |version| json!({ "version": version }));
    show(&client.text(Ask::post(path, body.to_string())).await?, screen)
}

fn show(text: &str, screen: &Screen) -> anyhow::Result<()> {
    if screen.is_json() {
        screen.line(text);
        return Ok(());
    }
    let Activated { flow, active_version, previous_version, differences } =
        serde_json::from_str(text)?;
    let before =
        previous_version.map_or(String::new(), |version| format!(" (before: version {version})"));
    screen.line(&format!("new runs of `{flow}` start on version {active_version}{before}"));
    show_differences(&differences, screen);
    Ok(())
}
