//! Every hostile guest, through the command that people have: upload, deploy, run, and what others feel of it.

use std::process::Command;

use attacks::Attack;
use serde_json::Value;
use stepcell_tests::host::binary;

/// The most the canary's 99th percentile may be on a machine that does something else too, in milliseconds: that it is not
/// held up at all is measured where nothing else runs.
const MAX_P99_MS: f64 = 5_000.0;

/// Runs `stepcell doctor --attack` and answers its lines.
fn doctor(arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.arg("--data-dir").arg(folder.path()).args(["doctor", "--attack"]).args(arguments);
    let done = command.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, done.status.code())
}

#[test]
fn every_attack_ends_as_it_has_to_and_a_neighbour_loses_nothing() {
    let (lines, code) = doctor(&["--json", "--canary-runs", "3"]);
    let (settings, rows) = lines.split_first().unwrap();
    assert_eq!(settings["attacks"].as_u64(), Some(rows.len() as u64), "{settings}");
    assert_eq!(rows.len(), Attack::all().count());
    let mut slow = 0;
    for row in rows {
        match row["verdict"].as_str() {
            Some("good") => {}
            Some("canary_slow") => slow += 1,
            Some(_) | None => panic!("{row:#}"),
        }
        assert!(row["canary"]["p99_ms"].as_f64().unwrap() < MAX_P99_MS, "{row:#}");
    }
    assert_eq!(code, Some(i32::from(slow > 0)));
}

#[test]
fn an_attack_nobody_knows_is_a_mistake_in_the_command() {
    assert_eq!(doctor(&["--only", "no_such_attack"]).1, Some(2));
}
