//! The command line, as a person and as a script use it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};
use stepcell_tests::guests::{hand_written, root};
use stepcell_tests::host::{Host, binary};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Runs the program in a folder of its own.
pub(crate) fn stepcell(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binary())
        .current_dir(folder)
        .env_remove("STEPCELL_URL")
        .env_remove("STEPCELL_KEY")
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs the program against a host, with `--json`; its answer.
pub(crate) async fn against(host: &Host, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .args(["--json", "--url", host.client.url(), "--key", host.client.key()])
        .args(arguments);
    command.current_dir(root());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn answer(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .or_else(|_| serde_json::from_str(&text))
        .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_problem_is_explained_and_a_near_miss_is_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let explained = stepcell(folder.path(), &["explain", "timeout"]);
    assert!(explained.status.success(), "{explained:?}");
    assert!(String::from_utf8_lossy(&explained.stdout).contains("wall clock"), "{explained:?}");
    let missed = stepcell(folder.path(), &["explain", "timeot"]);
    assert!(!missed.status.success());
    assert!(String::from_utf8_lossy(&missed.stderr).contains("timeout"), "{missed:?}");
}

#[test]
fn one_handler_runs_without_a_database_and_shows_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("good.wasm");
    std::fs::write(&wasm, hand_written("good")).unwrap();
    let done = stepcell(folder.path(), &["--json", "exec", "good.wasm", "--input", "{}"]);
    assert!(done.status.success(), "{done:?}");
    let said = answer(&done);
    assert!(said.to_string().contains("\"ok\":true"), "{said:#}");
    assert!(said["receipt"]["fuel"].as_u64().unwrap() > 0, "{said:#}");
    let report = stepcell(folder.path(), &["--json", "inspect", "good.wasm"]);
    assert!(String::from_utf8_lossy(&report.stdout).contains("handler"), "{report:?}");
    std::fs::write(&wasm, b"not wasm").unwrap();
    let refused = stepcell(folder.path(), &["inspect", "good.wasm"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let key = api::Key::generate().to_string();
    let gone = ["--url", "http://127.0.0.1:9", "--key", &key, "runs"];
    let answered = stepcell(folder.path(), &gone);
    assert_eq!(answered.status.code(), Some(4), "{answered:?}");
    let misused = stepcell(folder.path(), &["fly"]);
    assert_eq!(misused.status.code(), Some(2), "{misused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_deployed_run_shown_and_rolled_back_from_the_command_line() {
    let host = Host::start().await;
    for version in ["examples/hot-swap/v1/flow.toml", "examples/hot-swap/v2/flow.toml"] {
        let deployed = against(&host, &["deploy", version]).await;
        assert!(deployed.status.success(), "{deployed:?}");
    }
    let ran = against(&host, &["run", "hot-swap", "--input", "{\"order\":1}", "--wait"]).await;
    assert!(ran.status.success(), "{ran:?}");
    let run = answer(&ran);
    assert_eq!(run["output"]["third"]["versions"], json!(["v2", "v2", "v2"]), "{run:#}");
    let id = run["run_id"].as_str().unwrap();
    let shown = answer(&against(&host, &["show", id]).await);
    assert_eq!(shown["status"], "completed", "{shown:#}");
    let back = against(&host, &["rollback", "hot-swap"]).await;
    assert!(back.status.success(), "{back:?}");
    let ran = against(&host, &["run", "hot-swap", "--input", "{\"order\":2}", "--wait"]).await;
    assert_eq!(answer(&ran)["output"]["third"]["versions"], json!(["v1", "v1", "v1"]), "{ran:?}");
    let refused = against(&host, &["run", "nothing"]).await;
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_exit_code_one() {
    let host = Host::start().await;
    against(&host, &["deploy", "examples/hello/flow.toml"]).await;
    let failed = against(&host, &["run", "hello", "--input", "{\"name\":\"\"}", "--wait"]).await;
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
}

/// Stands before what answers at a URL and speaks TLS; its URL and its certificate.
pub(crate) async fn behind_tls(plain: &str) -> (String, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let behind = plain.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate hangs up: that is its test.
                let mut stream = acceptor.accept(stream).await?;
                let mut host = TcpStream::connect(behind).await?;
                copy_bidirectional(&mut stream, &mut host).await
            });
        }
    });
    (url, own.cert.pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_behind_tls_is_spoken_to_when_its_certificate_is_trusted() {
    let host = Host::start().await;
    let (url, certificate) = behind_tls(host.client.url()).await;
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roots = |name: &str, certificate: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, certificate).unwrap();
        path
    };
    let ask = async |roots: &Path| {
        let mut command = Command::new(binary());
        command.args(["--json", "--url", &url, "--key", host.client.key(), "runs"]);
        command.env("SSL_CERT_FILE", roots);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let answered = ask(&roots("its.pem", certificate)).await;
    assert!(answered.status.success(), "{answered:?}");
    let refused = ask(&roots("a-strangers.pem", stranger.cert.pem())).await;
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate"), "{refused:?}");
}
