//! `stepcell demo`: builds, deploys and runs the examples on a private Postgres, and shows what they did and used.

mod hot_swap;
mod languages;
mod report;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use api::Limits;
use builder::Install;
use serde_json::json;

use crate::answers::{Registered, Run};
use crate::args::{Demo, Global};
use crate::client::{Ask, Client};
use crate::data_dir::DataDir;
use crate::deploy::{Deployment, said};
use crate::events::{follow, line};
use crate::host::{self, Host, Plan};
use crate::persistent::Persistent;
use crate::run::said as said_failure;
use crate::screen::Screen;
use crate::stop;

/// The longest wait the host takes.
const WAIT: Duration = Duration::from_secs(60);

/// Runs the demo and ends.
pub(crate) async fn run(global: &Global, args: Demo, screen: &Screen) -> anyhow::Result<()> {
    let missing = "run the demo from Stepcell's own folder, or name the examples with `--examples`";
    anyhow::ensure!(
        args.examples.is_dir(),
        "there is no folder `{}`; {missing}",
        args.examples.display()
    );
    let data = DataDir::open(&global.data_dir.join("demo"))?;
    screen.note("starting a private Postgres");
    let cluster = host::postgres(&data.postgres()).await?;
    cluster.notes().iter().for_each(|note| screen.note(&format!("note: {note}")));
    let url = cluster.url();
    let done = tokio::select! {
        done = show(&data, &url, &args, screen) => done,
        () = stop::asked() => Err(anyhow::anyhow!("the demo was stopped")),
    };
    host::stop_postgres(cluster).await?;
    done
}

async fn show(
    data: &DataDir,
    database_url: &str,
    args: &Demo,
    screen: &Screen,
) -> anyhow::Result<()> {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let plan = Plan {
        database_url,
        listen,
        slots: None,
        lease: None,
        retention: None,
        quarantine: None,
        outward: None,
        limits: Limits::default(),
        compiling: None,
        data,
    };
    let host = Host::start(plan).await?;
    let key = data.api_key()?;
    host.admit(&key).await?;
    screen.note(&format!("API and worker at {}", host.url()));
    let demo = Stage { client: Client::to(&host.url(), &key)?, screen };
    let done = demo.play(args).await;
    host.stop().await;
    done
}

/// What the demo plays on.
pub(crate) struct Stage<'a> {
    client: Client,
    screen: &'a Screen,
}

impl Stage<'_> {
    async fn play(&self, args: &Demo) -> anyhow::Result<()> {
        let examples = &args.examples;
        self.title("hello: one handler, one step");
        self.deploy(&examples.join("hello/flow.toml")).await?;
        let hello = self.run("hello", &json!({ "name": "Ada" }).to_string()).await?;
        let output = hello.output.as_ref().map_or("", |output| output.get());
        self.screen.line(&format!("  output  {}", crate::escape::escape_line(output)));

        self.title("dependency-report: one task for each package of this repository's Cargo.lock");
        self.deploy(&examples.join("dependency-report/flow.toml")).await?;
        self.report(&args.lock).await?;

        self.title("diamond: two branches, one fails at first and is tried again");
        self.deploy(&examples.join("diamond/flow.toml")).await?;
        self.diamond().await?;

        self.title("hot-swap: a new version while runs are in flight");
        self.hot_swap(&examples.join("hot-swap")).await?;

        self.title("sources: a file in JavaScript and one in Python, uploaded as they are");
        self.screen.note("  the first time, their runtimes are built: a minute");
        self.sources(&examples.join("sources")).await?;

        self.title("polyglot: one flow in Rust, C, Python, Go and JavaScript, over an access log");
        self.screen.note(
            "  the first time, compilers are installed into your cache: some minutes, 800 MB",
        );
        self.polyglot(&examples.join("polyglot")).await?;
        self.farewell();
        Ok(())
    }

    fn title(&self, text: &str) {
        self.screen.line(&format!("\n== {text}"));
    }

    /// Builds and deploys an example.
    async fn deploy(&self, flow: &Path) -> anyhow::Result<Registered> {
        self.register(flow, Deployment { install: Install::IfRoot, activate: true, runtimes: true })
            .await
    }

    async fn register(&self, flow: &Path, deployment: Deployment) -> anyhow::Result<Registered> {
        let text = deployment.deploy(&self.client, flow, self.screen).await?;
        let registered: Registered = serde_json::from_str(&text)?;
        self.screen.line(&format!("  {}", said(&registered)));
        Ok(registered)
    }

    /// Starts a run; its id.
    async fn start(&self, flow: &str, input: &str) -> anyhow::Result<String> {
        let ask = Ask::post(format!("/v1/flows/{flow}/runs"), format!("{{\"input\":{input}}}"));
        let run: Run = self.client.read(ask).await?;
        Ok(run.run_id)
    }

    /// Starts a run and waits until it has completed.
    async fn run(&self, flow: &str, input: &str) -> anyhow::Result<Run> {
        let run_id = self.start(flow, input).await?;
        let run = self.wait(&run_id).await?;
        if let Some(failure) = &run.failure {
            anyhow::bail!("run `{run_id}` of `{flow}` failed: {}", said_failure(failure));
        }
        anyhow::ensure!(
            run.status == "completed",
            "run `{run_id}` of `{flow}` is still `{}`",
            run.status
        );
        Ok(run)
    }

    async fn wait(&self, run_id: &str) -> anyhow::Result<Run> {
        self.client
            .read(Ask::get(format!("/v1/runs/{run_id}/wait?timeout={}s", WAIT.as_secs())))
            .await
    }

    /// A run with its steps.
    async fn whole(&self, run_id: &str) -> anyhow::Result<Run> {
        self.client.read(Ask::get(format!("/v1/runs/{run_id}"))).await
    }

    async fn diamond(&self) -> anyhow::Result<()> {
        let run_id = self.start("diamond", &json!({ "number": 7 }).to_string()).await?;
        let told =
            |told: &crate::events::Told<'_>| self.screen.line(&format!("  {}", line(told.event)));
        let mut host = Persistent::new(&self.client, self.screen);
        tokio::time::timeout(WAIT, follow(&mut host, &run_id, None, told))
            .await
            .context("the diamond did not end in time")??;
        let run = self.wait(&run_id).await?;
        anyhow::ensure!(run.status == "completed", "the diamond is `{}`", run.status);
        let output = run.output.as_ref().map_or("", |output| output.get());
        self.screen.line(&format!("  output  {}", crate::escape::escape_line(output)));
        Ok(())
    }

    fn farewell(&self) {
        self.screen.line(
            "\n== next\n  cargo stepcell dev examples/hello/flow.toml        a host of your own; redeploys on save\n  \
             cargo stepcell run hello --input '{\"name\": \"you\"}' --wait\n  \
             cargo stepcell --help",
        );
    }
}
