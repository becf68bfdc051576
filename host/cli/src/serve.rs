//! `stepcell serve`: the API, a worker, or both, on a Postgres of the operator's.

use serde_json::json;

use worker::QuarantineRule;

use crate::args::{Global, Role, Serve};
use crate::data_dir::DataDir;
use crate::host::{Host, Plan};
use crate::screen::Screen;
use crate::stop;

/// Serves until it is asked to stop.
pub(crate) async fn run(global: &Global, args: Serve, screen: &Screen) -> anyhow::Result<()> {
    let data = DataDir::open(&global.data_dir)?;
    let does = |role| args.roles.contains(&role);
    let plan = Plan {
        database_url: &args.database_url,
        listen: does(Role::Api).then_some(args.listen),
        slots: if does(Role::Worker) { args.slots } else { Some(0) },
        lease: Some(args.lease),
        retention: args.retention,
        quarantine: Some(QuarantineRule {
            failures: args.quarantine_after,
            window: args.quarantine_window,
        }),
        limits: args.given.limits(),
        outward: Some(args.outward),
        compiling: Some(args.compiling),
        data: &data,
    };
    let host = Host::start(plan).await?;
    match (screen.is_json(), does(Role::Api)) {
        (true, _) => screen.json(&json!({ "url": host.url() })),
        (false, true) => screen.line(&format!("listening on {}", host.url())),
        (false, false) => screen.line("working"),
    }
    stop::asked().await;
    screen.note("stopping: attempts in flight finish first");
    host.stop().await;
    Ok(())
}
