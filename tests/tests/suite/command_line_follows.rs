//! The command line beside a host that comes and goes: it finds it, follows it, and waits for it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};
use stepcell_tests::client::{PATIENCE, until};
use stepcell_tests::guests::{actor, hand_written};
use stepcell_tests::host::{Host, Settings, binary};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::command_line::{against, answer, stepcell};

const FLOW: &str = "flow = \"f\"\n[[step]]\nname = \"s\"\ncomponent = \"@\"\n";

/// A host whose runs wait for a worker, and one such run.
async fn host_with_a_run() -> (Host, String) {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let digest = host.upload(hand_written("good")).await;
    host.client.deploy(FLOW, digest).await.ok();
    let run = host.client.start("f", &json!({})).await;
    (host, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_not_ended_in_time_is_an_exit_code_of_its_own() {
    let (host, run) = host_with_a_run().await;
    let waited = against(&host, &["wait", &run, "--timeout", "50ms"]).await;
    assert_eq!(waited.status.code(), Some(5), "{waited:?}");
    assert_eq!(answer(&waited)["status"], "queued", "{waited:?}");
    let waited = against(&host, &["run", "f", "--wait=50ms"]).await;
    assert_eq!(waited.status.code(), Some(5), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_listed_and_deleted_unless_a_flow_pins_them() {
    let host = Host::start().await;
    let pinned = host.upload(hand_written("good")).await.to_string();
    host.client.deploy(FLOW, pinned.parse().unwrap()).await.ok();
    let free = host.upload(hand_written("echo")).await.to_string();
    let deleted = against(&host, &["components", "delete", &free]).await;
    assert!(deleted.status.success(), "{deleted:?}");
    let refused = against(&host, &["components", "delete", &pinned]).await;
    assert_eq!(answer(&refused)["code"], "component.in_use", "{refused:?}");
    let listed = answer(&against(&host, &["components"]).await);
    let digests: Vec<&Value> =
        listed["components"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
    assert_eq!(digests, [&json!(pinned)], "{listed:#}");
}

/// A door before a host: it can be shut, which breaks every connection, and opened again.
struct Door {
    host: String,
    address: SocketAddr,
    passed: Arc<AtomicUsize>,
    open: JoinSet<()>,
}

impl Door {
    async fn open(host: &Host) -> Self {
        let host = host.client.url().trim_start_matches("http://").to_owned();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut door = Self { host, address, passed: Arc::default(), open: JoinSet::new() };
        door.open_again().await;
        door
    }

    async fn open_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (host, passed) = (self.host.clone(), Arc::clone(&self.passed));
        self.open.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut outer, _)) = listener.accept().await {
                passed.fetch_add(1, Ordering::Relaxed);
                let host = host.clone();
                connections.spawn(async move {
                    let mut inner = TcpStream::connect(host).await?;
                    copy_bidirectional(&mut outer, &mut inner).await
                });
            }
        });
    }

    async fn shut(&mut self) {
        self.open.shutdown().await;
    }

    /// Starts the program against what is behind the door.
    fn follow(&self, host: &Host, arguments: &[&str]) -> Child {
        Command::new(binary())
            .args(["--url", &format!("http://{}", self.address), "--key", host.client.key()])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The next line that a program writes; empty when there is none any more.
async fn next_line<T: Read + Send + 'static>(mut from: BufReader<T>) -> (String, BufReader<T>) {
    let read = move || {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        (line, from)
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_run_goes_on_when_the_host_is_back() {
    let (host, run) = host_with_a_run().await;
    let mut door = Door::open(&host).await;
    let commands = [["events", "-f", &run], ["logs", "-f", &run], ["wait", &run, "--timeout=1m"]];
    let mut children: Vec<Child> =
        commands.iter().map(|command| door.follow(&host, command)).collect();
    let passed = Arc::clone(&door.passed);
    until("all have come in", || async { (passed.load(Ordering::Relaxed) >= 3).then_some(()) })
        .await;
    door.shut().await;
    let mut left = Vec::new();
    for child in &mut children {
        let (line, rest) = next_line(BufReader::new(child.stderr.take().unwrap())).await;
        assert!(line.contains("still trying"), "{line}");
        left.push(rest);
    }
    let _worker = Host::over(Arc::clone(&host.database), Settings::default()).await;
    door.open_again().await;
    for (child, rest) in children.into_iter().zip(left) {
        let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
        let ended = ended.await.unwrap();
        let (more, _) = next_line(rest).await;
        assert!(ended.status.success(), "{ended:?} {more}");
        assert_eq!(more, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stays_away_is_not_waited_for_longer_than_was_asked() {
    let (host, run) = host_with_a_run().await;
    let mut door = Door::open(&host).await;
    let mut waits = door.follow(&host, &["wait", &run, "--timeout=2s"]);
    let passed = Arc::clone(&door.passed);
    until("it has come in", || async { (passed.load(Ordering::Relaxed) >= 1).then_some(()) }).await;
    door.shut().await;
    let ended = tokio::task::spawn_blocking(move || waits.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(4));
}

/// `stepcell dev` in a folder. Dropping it ends it well.
struct Dev(Child);

impl Dev {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.current_dir(folder).args(["--data-dir", "d", "dev", "--listen", "127.0.0.1:0"]);
        let child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self(child.unwrap())
    }

    fn lines<const COUNT: usize>(&mut self) -> [String; COUNT] {
        let mut lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        std::array::from_fn(|_| lines.next().unwrap().unwrap())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        // It may have ended already.
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

/// A folder for `dev` with its data in it.
fn folder_of_dev() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d");
    std::fs::create_dir(&data).unwrap();
    // The user of the private Postgres enters: its data stays in the folder that the test takes away.
    for path in [folder.path(), &data] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn dev_runs_a_flow_again_after_a_save_and_shows_what_came_of_it_otherwise() {
    let folder = folder_of_dev();
    let write = |value: &str| {
        let flow = format!(
            "flow = \"again\"\n[[step]]\nname = \"v\"\nbuiltin = {{ set = {{ a = {value}, b = \"${{input.b}}\" }} }}\n"
        );
        std::fs::write(folder.path().join("flow.toml"), flow).unwrap();
    };
    write("1");
    std::fs::write(folder.path().join("in.json"), "{\"b\":\"x\"}").unwrap();
    let mut dev = Dev::start(folder.path(), &["flow.toml", "--input", "@in.json"]);
    let out = BufReader::new(dev.0.stdout.take().unwrap());
    let (told, lines) = mpsc::channel();
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| told.send(line))
    });
    let says = |what: &str| {
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains(what)) {
            let line = lines.recv_timeout(PATIENCE);
            said.push(line.unwrap_or_else(|_| panic!("no `{what}` in {said:#?}")));
        }
        said.len()
    };
    says("`again` version 1: created, active");
    says(r#"completed: {"v":{"a":1,"b":"x"}}"#);
    write("2");
    // Nothing but a save makes it begin again.
    assert_eq!(says("`again` version 2: created, active, was version 1"), 1);
    says("completed again, otherwise");
    says("/v/a: 1 -> 2");
    // The input is read anew.
    std::fs::write(folder.path().join("in.json"), "{\"b\":\"y\"}").unwrap();
    says("`again` version 2: unchanged");
    says("/v/b: \"x\" -> \"y\"");
}

#[test]
fn what_dev_serves_is_found_by_other_commands_with_the_same_data_folder() {
    let folder = folder_of_dev();
    let data = folder.path().join("d");
    let mut dev = Dev::start(folder.path(), &[]);
    let [url, key] = dev.lines();
    let listed = stepcell(folder.path(), &["--data-dir", "d", "--json", "flows"]);
    assert_eq!(answer(&listed), json!({ "flows": [] }), "{listed:?}");
    let kept = std::fs::read_to_string(data.join("url")).unwrap();
    assert_eq!(url.trim_start_matches("url  "), kept.trim());
    drop(dev);
    assert!(!data.join("url").exists());
    let [again] = Dev::start(folder.path(), &["--json"]).lines();
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(key.trim_start_matches("key  "), again["key"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_run_as_a_chain_and_where_one_fails_what_was_done_before_is_in_the_answer() {
    let host = Host::start().await;
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("actor.wasm");
    std::fs::write(&wasm, tokio::task::spawn_blocking(actor).await.unwrap()).unwrap();
    let wasm = wasm.to_str().unwrap();
    let input = ["--input", "{\"count\":4}"];
    let done = against(&host, &[&["chain", wasm, "list", "sum"], &input[..]].concat()).await;
    let said = answer(&done);
    assert_eq!(
        (done.status.code(), &said["output"]),
        (Some(0), &json!({ "sum": 6.0 })),
        "{said:#}"
    );
    let failed =
        against(&host, &[&["chain", wasm, "list", "fail", "sum"], &input[..]].concat()).await;
    let said = answer(&failed);
    assert_eq!((failed.status.code(), &said["failed_step"]), (Some(1), &json!("fail")), "{said:#}");
    assert_eq!(said["completed"], json!([{ "step": "list", "output": [0, 1, 2, 3] }]), "{said:#}");
    let refused = against(&host, &["chain", wasm, "list", "nobody"]).await;
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}
