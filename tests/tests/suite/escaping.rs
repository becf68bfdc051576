//! What a guest wrote is shown on a terminal and never obeyed by it.

use std::process::Command;

use serde_json::{Value, json};
use stepcell_tests::guests::root;
use stepcell_tests::host::{Host, binary};

use crate::tenants::deploy;

/// A clear screen, a colour, a title, a C1 introducer, an override of the direction, an isolate, a mark nobody sees, a return.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}31m\u{202e}txt\u{2066}\u{200b}\u{e0041}\r\u{8}";

/// Runs the program against a host; all it shows.
pub(crate) async fn shown(host: &Host, arguments: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(["--url", host.client.url(), "--key", host.client.key()]).args(arguments);
    command.current_dir(root());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn is_obeyed(c: char) -> bool {
    let is_hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}');
    (c.is_control() && c != '\n' && c != '\t') || is_hidden
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_shows_what_a_terminal_would_obey() {
    let host = Host::start().await;
    deploy(&host.client, "echo", "").await;
    let answers = host.client.run("f", &json!({ HOSTILE: HOSTILE })).await;
    let talks =
        "flow = \"talks\"\n[[step]]\nname = \"only\"\nhandler = \"chatty\"\ncomponent = \"@\"\n";
    host.deploy(talks).await;
    let talks = host.client.run("talks", &json!(1)).await;
    // A handler that cannot read its input says so, in the guest's own words.
    let fails = "flow = \"fails\"\n[[step]]\nname = \"only\"\nhandler = \"errs\"\ncomponent = \"@\"\nmax_attempts = 1\n";
    host.deploy(fails).await;
    let fails = host.client.run("fails", &json!({ "kind": "x", "retry": HOSTILE })).await;
    assert_eq!(fails["status"], "failed");
    let failure = fails["failure"].to_string();
    assert!(failure.contains("invalid type"), "{failure}");
    host.client.put("/v1/closures/c", &json!({ "flow": "f", "input": HOSTILE })).await.ok();
    let schedule = json!({ "flow": "f", "cron": "0 0 1 1 *", "input": HOSTILE });
    host.client.put("/v1/schedules/s", &schedule).await.ok();
    let key = json!({ "scopes": ["read"], "label": HOSTILE });
    host.client.post("/v1/tenants/default/keys", &key).await.ok();
    let id = |run: &Value| run["run_id"].as_str().unwrap().to_owned();
    let (answers, talks, fails) = (id(&answers), id(&talks), id(&fails));
    let hostile = json!(HOSTILE).to_string();
    let commands: [&[&str]; 16] = [
        &["show", &answers],
        &["wait", &answers],
        &["events", &answers],
        &["run", "f", "--input", &hostile, "--wait"],
        &["logs", &talks],
        &["show", &fails],
        &["wait", &fails],
        &["events", &fails],
        &["events", "--follow", &fails],
        &["runs"],
        &["dead-letters"],
        &["closure", "show", "c"],
        &["schedule", "show", "s"],
        &["key", "list"],
        &["audit"],
        &["show", HOSTILE],
    ];
    for command in commands {
        for json in [false, true] {
            let arguments = if json { [&["--json"], command].concat() } else { command.to_vec() };
            let text = shown(&host, &arguments).await;
            assert!(!text.is_empty(), "{arguments:?} shows something");
            let obeyed: Vec<char> = text.chars().filter(|c| is_obeyed(*c)).collect();
            assert!(obeyed.is_empty(), "{arguments:?} shows {obeyed:?} as they are: {text:?}");
        }
    }
    let show = shown(&host, &["show", &answers]).await;
    assert!(show.contains("\\u{202e}") || show.contains("\\u202e"), "it is shown: {show}");
    let json = shown(&host, &["--json", "show", &answers]).await;
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["output"]["only"][HOSTILE], HOSTILE, "and in JSON the same value");
}
