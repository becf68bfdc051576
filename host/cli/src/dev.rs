//! `stepcell dev`: private Postgres, API and worker in one process; rebuilds and redeploys a flow on save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use builder::Install;
use serde_json::json;

use crate::again::Again;
use crate::args::{DATA_DIR, Dev, Global};
use crate::client::Client;
use crate::data_dir::DataDir;
use crate::deploy::{Deployment, tell};
use crate::host::{self, Host, Plan};
use crate::screen::Screen;
use crate::stop;

/// How often the files beside the flow are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Folders that are never watched.
const UNWATCHED: [&str; 3] = ["target", "node_modules", ".git"];

/// Develops until it is asked to stop.
pub(crate) async fn run(global: &Global, args: Dev, screen: &Screen) -> anyhow::Result<()> {
    let data = DataDir::open(&global.data_dir)?;
    let cluster = host::postgres(&data.postgres()).await?;
    cluster.notes().iter().for_each(|note| screen.note(&format!("note: {note}")));
    let done = develop(&data, &cluster.url(), args, &found(&global.data_dir), screen).await;
    host::stop_postgres(cluster).await?;
    done
}

async fn develop(
    data: &DataDir,
    database_url: &str,
    args: Dev,
    found: &str,
    screen: &Screen,
) -> anyhow::Result<()> {
    let mut outward = args.outward.clone();
    if outward.secrets_key_file.is_none() {
        outward.secrets_key_file = Some(data.secrets_key_file()?);
    }
    let plan = Plan {
        database_url,
        listen: Some(args.listen),
        slots: None,
        lease: None,
        retention: None,
        quarantine: None,
        limits: api::Limits::default(),
        compiling: None,
        outward: Some(outward),
        data,
    };
    let host = Host::start(plan).await?;
    let key = data.api_key()?;
    host.admit(&key).await?;
    data.keep_url(&host.url())?;
    if screen.is_json() {
        screen.json(&json!({ "url": host.url(), "key": key.to_string() }));
    } else {
        screen.line(&format!("url  {}", host.url()));
        screen.line(&format!("key  {key}"));
        screen.note(found);
    }
    let client = Client::to(&host.url(), &key)?;
    tokio::select! {
        () = watch(&client, (args.flow.as_deref(), data.path()), args.input, screen) => {}
        () = stop::asked() => {}
    }
    data.forget_url(&host.url());
    screen.note("stopping: attempts in flight finish first");
    host.stop().await;
    Ok(())
}

/// How other commands find the URL and the key.
fn found(data_dir: &Path) -> String {
    let data_dir = (data_dir != Path::new(DATA_DIR)).then_some(data_dir);
    let with = data_dir.map_or(String::new(), |at| format!(" with `--data-dir {}`", at.display()));
    let from = match data_dir {
        Some(at) if at.is_absolute() => "",
        Some(_) | None => " from this folder",
    };
    format!("commands of this CLI find both{from}{with}; ctrl-c ends")
}

/// Deploys the flow, again after every save, and runs it where there is an input.
async fn watch(
    client: &Client,
    (flow, data): (Option<&Path>, &Path),
    input: Option<String>,
    screen: &Screen,
) {
    let Some(flow) = flow else {
        return std::future::pending().await;
    };
    let beside = if flow.is_dir() { Some(flow) } else { flow.parent() };
    let folder = beside.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut again = input.map(Again::new);
    loop {
        let now = stamps(folder, data);
        let complain = |error: anyhow::Error| {
            screen.complain(&format!("error: {}", crate::escape::escape(&format!("{error:#}"))));
        };
        match (deploy(client, flow, screen).await, &mut again) {
            (Ok(flow), Some(again)) => {
                // A run may wait for long; what is saved meanwhile is deployed all the same.
                tokio::select! {
                    ended = again.run(client, &flow, screen) => ended.unwrap_or_else(complain),
                    () = changed((folder, data), &now) => {}
                }
            }
            (Ok(_), None) => {}
            (Err(error), _) => complain(error),
        }
        changed((folder, data), &now).await;
    }
}

/// Waits until a file in the folder is another one.
async fn changed((folder, data): (&Path, &Path), since: &BTreeMap<PathBuf, SystemTime>) {
    while stamps(folder, data) == *since {
        tokio::time::sleep(LOOK).await;
    }
}

/// Deploys once; the flow's name.
async fn deploy(client: &Client, flow: &Path, screen: &Screen) -> anyhow::Result<String> {
    let deployment = Deployment { install: Install::IfRoot, activate: true, runtimes: true };
    let text = deployment.deploy(client, flow, screen).await?;
    Ok(tell(&text, screen)?.flow)
}

/// When each file in the folder was changed last, but for those of the host itself.
fn stamps(folder: &Path, data: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    // As the folder of the host's own is written; links are not followed from here on.
    let mut folders = vec![folder.canonicalize().unwrap_or_else(|_| folder.to_owned())];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() && !UNWATCHED.contains(&name.as_ref()) && !name.starts_with('.') {
                if entry.path() != data {
                    folders.push(entry.path());
                }
            } else if let (true, Ok(changed)) = (metadata.is_file(), metadata.modified()) {
                found.insert(entry.path(), changed);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_says_what_other_commands_need() {
        let said = [".stepcell", "d", "/srv/d"].map(|at| found(Path::new(at)));
        assert!(said[0].contains("find both from this folder;"), "{}", said[0]);
        assert!(said[1].contains("from this folder with `--data-dir d`;"), "{}", said[1]);
        assert!(said[2].contains("find both with `--data-dir /srv/d`;"), "{}", said[2]);
    }

    #[test]
    fn a_save_is_seen_and_what_a_build_writes_is_not() {
        let folder = std::env::temp_dir().join(format!("stepcell-dev-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::create_dir_all(folder.join("target")).unwrap();
        std::fs::write(folder.join("src/lib.rs"), "one").unwrap();
        std::fs::create_dir_all(folder.join("d")).unwrap();
        let data = folder.join("d").canonicalize().unwrap();
        let before = stamps(&folder, &data);
        std::fs::write(folder.join("target/out"), "built").unwrap();
        std::fs::write(data.join("log"), "written by the host").unwrap();
        assert_eq!(stamps(&folder, &data), before);
        std::fs::write(folder.join("flow.toml"), "flow = 'f'").unwrap();
        assert_ne!(stamps(&folder, &data), before);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
