//! `stepcell doctor`: checks this machine's set-up and says which command mends what is missing.

pub(crate) mod attack;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use builder::{Install, Progress, ensure_toolchain};
use devdb::{Cluster, Options};
use sandbox::{Confinement, Sandbox};
use serde_json::json;
use store::{NET_SQL, Store};

use crate::args::{Doctor, Global};
use crate::data_dir::DataDir;
use crate::host;
use crate::screen::Screen;

/// The kernel from which sandboxes are reset cheaply.
const PAGEMAP_SCAN: (u32, u32) = (6, 7);
/// A clock before this has never been set: 2025-01-01, in seconds since 1970.
const PLAUSIBLE: Duration = Duration::from_secs(1_735_689_600);
/// How the program ends when something is missing.
const MISSING: u8 = 3;

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Good,
    /// Works, but not as well as it could.
    Weak,
    Missing,
}

struct Check {
    name: &'static str,
    found: Found,
    text: String,
}

impl Check {
    fn of(name: &'static str, result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self { name, found: Found::Good, text },
            Err(text) => Self { name, found: Found::Missing, text },
        }
    }
}

/// Checks everything.
pub(crate) async fn run(
    global: &Global,
    args: Doctor,
    screen: &Screen,
) -> anyhow::Result<ExitCode> {
    if args.attack {
        return attack::run(global, args, screen).await;
    }
    let mut checks = vec![kernel(), clock()];
    let data = DataDir::open(&global.data_dir);
    checks.push(Check::of(
        "data folder",
        data.as_ref().map(|_| shown(&global.data_dir)).map_err(|e| format!("{e:#}")),
    ));
    if let Ok(data) = &data {
        checks.extend(sandbox(data).await);
        checks.push(private_postgres(data).await);
    }
    checks.push(toolchain().await);
    if let Some(url) = &args.database_url {
        let store = host::connect(url).await;
        checks.push(database(store.as_ref()).await);
        if let Ok(store) = &store {
            checks.push(second_net(store).await);
        }
    }
    let word = |found: Found| match found {
        Found::Good => "good",
        Found::Weak => "weak",
        Found::Missing => "missing",
    };
    if screen.is_json() {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| json!({ "name": check.name, "found": word(check.found), "text": check.text }))
            .collect();
        screen.json(&checks);
    } else {
        for Check { name, found, text } in &checks {
            screen.line(&format!("{:<8} {name:<18} {}", word(*found), crate::escape::escape(text)));
        }
    }
    let is_missing = checks.iter().any(|check| check.found == Found::Missing);
    Ok(if is_missing { ExitCode::from(MISSING) } else { ExitCode::SUCCESS })
}

fn shown(path: &Path) -> String {
    format!("`{}` can be written", path.display())
}

fn kernel() -> Check {
    let name = "kernel";
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let version = (numbers.next().and_then(Result::ok), numbers.next().and_then(Result::ok));
    let (found, text) = match version {
        (Some(major), Some(minor)) if (major, minor) >= PAGEMAP_SCAN => {
            (Found::Good, format!("{release} has PAGEMAP_SCAN: sandboxes are reset cheaply"))
        }
        (Some(_), Some(_)) => (
            Found::Weak,
            format!(
                "{release} has no PAGEMAP_SCAN; with Linux 6.7 or newer each attempt is cheaper"
            ),
        ),
        _ => {
            (Found::Weak, "not Linux: sandboxes work, each attempt costs a little more".to_owned())
        }
    };
    Check { name, found, text }
}

fn clock() -> Check {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let result = match now >= PLAUSIBLE {
        true => Ok("set".to_owned()),
        false => Err("the clock was never set; run ids are ordered by it: set it, `timedatectl set-ntp true`".to_owned()),
    };
    Check::of("clock", result)
}

async fn sandbox(data: &DataDir) -> Vec<Check> {
    let slots = worker::Settings::default().slots;
    let mend = "each attempt at a time reserves address space: raise `ulimit -v`, or run `serve --slots` with fewer";
    match host::sandbox(data, slots) {
        Ok(sandbox) => {
            let check = Check::of("sandbox", Ok(format!("{slots} attempts at a time")));
            vec![check, compiler(&sandbox).await]
        }
        Err(error) => vec![Check::of("sandbox", Err(format!("{error:#}; {mend}")))],
    }
}

async fn compiler(sandbox: &Sandbox) -> Check {
    let name = "compile child";
    match sandbox.try_compiler().await {
        Ok(Confinement::SystemCalls) => Check::of(
            name,
            Ok("limited, and confined by seccomp: no files, no network, no programs".to_owned()),
        ),
        Ok(Confinement::LimitsOnly) => Check {
            name,
            found: Found::Weak,
            text: "limited, but the kernel does not let it be confined by seccomp; run where it does, on Linux".to_owned(),
        },
        Err(error) => Check::of(name, Err(format!("does not compile: {error}"))),
    }
}

/// Starts one and stops it again.
async fn private_postgres(data: &DataDir) -> Check {
    let folder = data.postgres().with_file_name(format!("doctor-{}", std::process::id()));
    let work = move || {
        let started = Cluster::start(Options::forgetful(&folder)).and_then(|cluster| {
            let text = format!("version {} starts", cluster.major());
            // The cluster may live elsewhere: where its user cannot enter the folder.
            let lives_in = cluster.folder().to_owned();
            cluster.stop().map(|()| (text, lives_in))
        });
        // What is left of the trial is of no use.
        let _ = std::fs::remove_dir_all(&folder);
        let started = started.map(|(text, lives_in)| {
            let _ = std::fs::remove_dir_all(lives_in);
            text
        });
        started.map_err(|error| error.to_string())
    };
    let result = tokio::task::spawn_blocking(work).await;
    Check::of("private Postgres", result.unwrap_or_else(|panic| Err(panic.to_string())))
}

async fn toolchain() -> Check {
    let work = || ensure_toolchain(Path::new("."), Install::Never, Progress::SILENT);
    let result = tokio::task::spawn_blocking(work).await;
    let result = match result {
        Ok(found) => found.map(|toolchain| toolchain.name).map_err(|error| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    };
    Check::of("wasm toolchain", result)
}

async fn database(store: Result<&Store, &anyhow::Error>) -> Check {
    let result = match store {
        Ok(store) if store.is_ready().await => Ok("answers".to_owned()),
        Ok(_) => Err("connects, but does not answer; look at its log".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    };
    Check::of("database", result)
}

/// Whether Postgres keeps tenants apart whatever a statement forgets.
async fn second_net(store: &Store) -> Check {
    let (found, text) = match store.has_net().await {
        Ok(true) => (Found::Good, "row-level security keeps tenants apart".to_owned()),
        Ok(false) => (
            Found::Weak,
            format!(
                "statements alone keep tenants apart; a superuser lays it, and hosts use it once they start anew: `{NET_SQL}`"
            ),
        ),
        Err(error) => (Found::Missing, error.to_string()),
    };
    Check { name: "second net", found, text }
}
