//! One flow in five languages, as its example says it is deployed and run.

use serde_json::json;
use stepcell_tests::guests::root;
use stepcell_tests::host::Host;

use crate::{said, stepcell};

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_mixes_rust_c_python_go_and_javascript() {
    let host = Host::start().await;
    let folder = root().join("examples/polyglot");
    let mut deploy = stepcell(&folder);
    deploy.args(["--url", host.client.url(), "--key", host.client.key()]);
    let done = deploy.args(["deploy", "flow.toml", "--json"]).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let log = std::fs::read_to_string(folder.join("access.log")).unwrap();
    let run = host.client.run("polyglot", &json!({ "log": log })).await;
    let report = run["output"]["report"]["markdown"].as_str().unwrap_or_else(|| panic!("{run:#}"));
    assert!(report.contains("1157 requests of about 184 visitors"), "{report}");
    assert!(run["output"]["report"]["svg"].as_str().unwrap().starts_with("<svg"), "{run:#}");
    assert_eq!(run["attempts"], 29, "{run:#}");
}

#[test]
fn each_language_of_the_flow_passes_its_own_tests() {
    for language in ["rust", "c", "python", "go", "javascript"] {
        let folder = root().join("examples/polyglot").join(language);
        let tested = stepcell(&folder).args(["test", "."]).output().unwrap();
        assert!(tested.status.success(), "{}", said(&tested));
    }
}
