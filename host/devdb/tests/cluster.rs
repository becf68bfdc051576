//! A private cluster from its first start to its end, with every way a process can go away in between.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use devdb::{Cluster, Halt, Options};

const DEADLINE: Duration = Duration::from_secs(60);

/// Where [`another_process`] finds its folder.
const FOLDER: &str = "DEVDB_TEST_FOLDER";

#[test]
fn a_cluster_starts_answers_and_ends_with_its_last_user() {
    let folder = tempfile::tempdir().unwrap();
    let first = Cluster::start(Options::durable(folder.path())).unwrap();
    let second = Cluster::start(Options::durable(folder.path())).unwrap();
    assert!(first.started() && !second.started());
    let settings = "select current_setting('fsync') || current_setting('synchronous_commit') \
                    || current_setting('listen_addresses') || current_setting('server_encoding')";
    assert_eq!(second.run("stepcell", &[settings]).unwrap(), ["ononUTF8"]);
    first.stop().unwrap();
    assert!(second.is_running(), "somebody else still uses it");
    let log = second.log();
    second.stop().unwrap();
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.trim_end().ends_with("database system is shut down"), "{text}");
}

#[test]
fn dropping_the_last_user_stops_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::forgetful(folder.path())).unwrap();
    let pid = server_pid(folder.path());
    drop(cluster);
    wait_until(|| !is_alive(&pid));
}

#[test]
fn data_survives_a_server_that_is_stopped_or_killed() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::durable(folder.path())).unwrap();
    cluster.run("stepcell", &["create table kept (n int)", "insert into kept values (7)"]).unwrap();
    for how in [Halt::Kill, Halt::Immediate, Halt::Fast] {
        cluster.halt(how).unwrap();
        assert!(!cluster.is_running());
        cluster.resume().unwrap();
        assert_eq!(cluster.run("stepcell", &["select n from kept"]).unwrap(), ["7"]);
    }
    let pid = server_pid(folder.path());
    cluster.stop().unwrap();
    assert!(!is_alive(&pid));
}

#[test]
fn a_server_whose_keeper_was_killed_gets_a_new_one_with_its_next_user() {
    let folder = tempfile::tempdir().unwrap();
    let first = Cluster::start(Options::forgetful(folder.path())).unwrap();
    let pid = server_pid(folder.path());
    let group = ps(&["-o", "pgid=", "-p", &pid]);
    for line in ps(&["-e", "-o", "pid=,pgid=,comm="]).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[1] == group && words[2] != "postgres" {
            Command::new("kill").args(["-KILL", words[0]]).status().unwrap();
        }
    }
    let second = Cluster::start(Options::forgetful(folder.path())).unwrap();
    assert!(!second.started());
    drop(first);
    drop(second);
    wait_until(|| !is_alive(&pid));
}

#[test]
fn a_killed_process_takes_the_server_with_it_and_the_next_finds_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = another_process(folder.path());
    let joined = Cluster::start(Options::forgetful(folder.path())).unwrap();
    assert!(!joined.started(), "the other process started it");
    joined.run("stepcell", &["create table kept (n int)"]).unwrap();
    let pid = server_pid(folder.path());
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(joined.is_running(), "this process still uses it");
    drop(joined);
    wait_until(|| !is_alive(&pid));
    let again = Cluster::start(Options::forgetful(folder.path())).unwrap();
    assert!(again.started());
    assert!(again.run("stepcell", &["select n from kept"]).unwrap().is_empty());
    again.stop().unwrap();
}

#[test]
fn a_pid_file_that_names_a_stranger_does_not_stop_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::forgetful(folder.path())).unwrap();
    let path = folder.path().join("data/postmaster.pid");
    cluster.halt(Halt::Kill).unwrap();
    let left = std::fs::read_to_string(&path).unwrap();
    let (_, rest) = left.split_once('\n').unwrap();
    std::fs::write(&path, format!("{}\n{rest}", std::process::id())).unwrap();
    cluster.resume().unwrap();
    assert!(cluster.is_running());
    cluster.stop().unwrap();
}

#[test]
fn files_that_name_the_server_of_another_folder_do_not_stop_the_next_start() {
    let (folder, strange) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cluster = Cluster::start(Options::forgetful(folder.path())).unwrap();
    let stranger = Cluster::start(Options::forgetful(strange.path())).unwrap();
    cluster.halt(Halt::Kill).unwrap();
    for name in ["data/postmaster.pid", ".s.PGSQL.5432.lock"] {
        let path = folder.path().join(name);
        let left = std::fs::read_to_string(&path).unwrap();
        let (_, rest) = left.split_once('\n').unwrap();
        std::fs::write(&path, format!("{}\n{rest}", server_pid(strange.path()))).unwrap();
    }
    cluster.resume().unwrap();
    assert!(cluster.is_running() && stranger.is_running());
    cluster.stop().unwrap();
    stranger.stop().unwrap();
}

#[test]
fn a_server_that_is_killed_is_started_again_while_somebody_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::durable(folder.path())).unwrap();
    cluster.run("stepcell", &["create table kept (n int)", "insert into kept values (7)"]).unwrap();
    for _ in 0..2 {
        let pid = server_pid(folder.path());
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        wait_until(|| cluster.is_running() && server_pid(folder.path()) != pid);
        assert_eq!(cluster.run("stepcell", &["select n from kept"]).unwrap(), ["7"]);
    }
    let pid = server_pid(folder.path());
    drop(cluster);
    wait_until(|| !is_alive(&pid) && !is_kept(folder.path()));
}

#[test]
fn a_server_that_is_halted_stays_down_until_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::forgetful(folder.path())).unwrap();
    for how in [Halt::Kill, Halt::Immediate, Halt::Fast] {
        cluster.halt(how).unwrap();
        wait_until(|| !is_kept(folder.path()));
        assert!(!cluster.is_running());
        cluster.resume().unwrap();
    }
    cluster.stop().unwrap();
}

#[test]
fn a_folder_with_a_path_too_long_for_a_socket_works_and_says_where_the_socket_is() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("ünïcode and spaces, 'quoted'").join("x".repeat(90));
    let cluster = Cluster::start(Options::forgetful(&long)).unwrap();
    assert!(cluster.notes().iter().any(|note| note.contains("too long for a socket")));
    let mut psql = Command::new("psql");
    let answer = psql.arg(cluster.url()).args(["-tAc", "select 1"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "1\n", "{answer:?}");
    cluster.stop().unwrap();
}

#[test]
fn forgetful_data_that_does_not_start_is_made_anew_and_durable_data_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Cluster::start(Options::forgetful(folder.path())).unwrap().stop().unwrap();
    std::fs::remove_file(folder.path().join("data/global/pg_control")).unwrap();
    let refused = Cluster::start(Options::durable(folder.path())).unwrap_err().to_string();
    assert!(refused.contains("did not start") && refused.contains("pg_control"), "{refused}");
    let cluster = Cluster::start(Options::forgetful(folder.path())).unwrap();
    assert!(cluster.started());
    cluster.stop().unwrap();
}

/// Not a test of its own: what [`another_process`] runs.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn hold_a_cluster_until_killed() {
    let folder = std::env::var(FOLDER).expect("the test that runs this sets the folder");
    let _cluster = Cluster::start(Options::forgetful(folder)).unwrap();
    std::fs::write(std::env::var("DEVDB_TEST_READY").unwrap(), "ready").unwrap();
    std::thread::park();
}

/// A process that uses the cluster in `folder` until it is killed.
fn another_process(folder: &Path) -> Child {
    let ready = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "hold_a_cluster_until_killed"]);
    command.env(FOLDER, folder).env("DEVDB_TEST_READY", ready.path()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    wait_until(|| std::fs::read_to_string(ready.path()).unwrap() == "ready");
    child
}

fn server_pid(folder: &Path) -> String {
    let file = std::fs::File::open(folder.join("data/postmaster.pid")).unwrap();
    BufReader::new(file).lines().next().unwrap().unwrap()
}

/// Whether a keeper looks after the cluster.
fn is_kept(folder: &Path) -> bool {
    let lock = std::fs::File::open(folder.join("keeper.lock")).unwrap();
    lock.try_lock().is_err()
}

fn ps(arguments: &[&str]) -> String {
    let output = Command::new("ps").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn is_alive(pid: &str) -> bool {
    let state = ps(&["-o", "stat=", "-p", pid]);
    !state.is_empty() && !state.starts_with('Z')
}

fn wait_until(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "it did not happen within {DEADLINE:?}");
        std::thread::yield_now();
    }
}
