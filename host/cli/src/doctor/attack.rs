//! `stepcell doctor --attack`: the hostile guests, each set on a host of this very program while a canary of another tenant
//! runs beside it.
//!
//! The host is a process of its own with a Postgres of its own: no attack ever meets a database that is in use.

pub(crate) mod canary;
mod gauges;
pub(crate) mod prey;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use attacks::{Attack, Expected};
use devdb::{Cluster, Options};
use model::Digest;
use serde_json::Value;

use crate::answers::{Component, Run};
use crate::args::{Doctor, Global};
use crate::client::{Ask, Client};
use crate::data_dir::DataDir;
use crate::exit::{Refused, Usage};
use crate::host;
use crate::screen::Screen;
use canary::Canary;
use gauges::Gauges;
use prey::Prey;
use report::{Row, Verdict};

/// Most runs of the canary before the first attack: the quiet moment its later ones are held against begins with them.
const QUIET_RUNS: usize = 300;
/// Most runs of the canary between two attacks, which belong to the quiet moment too.
const PAUSE_RUNS: usize = 20;
/// How often a canary that was slow flies again: something else on the machine may have held it up, an attack always does.
const ROUNDS: usize = 3;
/// How long what an attack took may take to come back.
const SETTLE: Duration = Duration::from_secs(20);
/// Between two looks at what came back.
const LOOK: Duration = Duration::from_millis(20);
/// How the program ends when an attack did not end as it has to.
const NOT_AS_EXPECTED: u8 = 1;

/// Makes every attack that was asked for.
pub(crate) async fn run(
    global: &Global,
    args: Doctor,
    screen: &Screen,
) -> anyhow::Result<ExitCode> {
    let is_meant = |attack: &&Attack| {
        args.only.is_empty() || args.only.iter().any(|start| attack.name.starts_with(start))
    };
    let chosen: Vec<&Attack> = Attack::all().filter(is_meant).collect();
    if chosen.is_empty() {
        let text =
            "no attack has such a name; `stepcell doctor --attack` without `--only` lists them all";
        return Err(Usage(text.to_owned()).into());
    }
    let own = format!("attack-{}", std::process::id());
    let folder = DataDir::open(&global.data_dir)?.postgres().with_file_name(own);
    let data = DataDir::open(&folder)?;
    screen.note("starting a private Postgres and a host of its own");
    let options = Options::forgetful(data.postgres());
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await??;
    let lives_in = cluster.folder().to_owned();
    let runs = usize::try_from(args.canary_runs)?;
    let done = attack_all(&cluster, &folder, (&chosen, runs), screen).await;
    host::stop_postgres(cluster).await?;
    // What is left of the trial is of no use.
    [&folder, &lives_in].into_iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
    let all_good = done?;
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(NOT_AS_EXPECTED) })
}

/// True when every attack ended as it has to.
async fn attack_all(
    cluster: &Cluster,
    folder: &Path,
    (chosen, runs): (&[&Attack], usize),
    screen: &Screen,
) -> anyhow::Result<bool> {
    let slots = report::SLOTS.to_string();
    let secrets_key = DataDir::open(folder)?.secrets_key_file()?;
    // Each attack is made again and again, and has to end each time.
    let mut prey = Prey::start(
        &cluster.url(),
        folder,
        &[
            "--slots",
            slots.as_str(),
            "--compile-cpu",
            report::COMPILE_CPU,
            "--compile-memory",
            report::COMPILE_MEMORY,
            "--quarantine-after",
            "0",
            // What the operator would forbid is left to the guards behind it.
            "--allow-fetch",
            "*:*,http://*:*",
            "--secrets-key-file",
            secrets_key.to_str().context("the data directory's path is not UTF-8")?,
        ],
    )
    .await?;
    let secret = format!("/v1/secrets/{}", attacks::SECRET);
    prey.attacker.text(Ask::put(secret, r#"{"value":"of no use to anybody"}"#)).await?;
    // What is refused at once is tried again at once.
    let quota = format!("/v1/tenants/{}/quota", host::DEFAULT_TENANT);
    prey.attacker.text(Ask::put(quota, r#"{"requests_per_second":null}"#)).await?;
    let mut canary = Canary::release(prey.neighbour.clone()).await?;
    report::begin(cluster.major(), chosen.len(), runs, screen);
    canary.fly(QUIET_RUNS.min(runs * 3)).await;
    let mut all_good = true;
    for attack in chosen {
        let bytes = attack.bytes();
        canary.fly(PAUSE_RUNS.min(runs)).await;
        canary.keep_as_quiet();
        let row = make((attack, &bytes), &mut prey, &canary, runs).await?;
        all_good &= row.verdict == Verdict::Good;
        report::say(attack, &row, screen);
        // Nobody is there to be attacked any more.
        if !prey.is_alive() {
            break;
        }
    }
    report::end(all_good, screen);
    prey.stop().await;
    Ok(all_good)
}

/// Makes one attack beside the canary, then looks what came back.
async fn make(
    (attack, bytes): (&Attack, &[u8]),
    prey: &mut Prey,
    canary: &Canary,
    runs: usize,
) -> anyhow::Result<Row> {
    Gauges::mark(prey.pid())?;
    let before = Gauges::read(prey.pid())?;
    let mut row = Row::default();
    for _ in 0..ROUNDS {
        repeat((attack, bytes), prey, canary, (&mut row, runs)).await;
        row.flight = canary.flight();
        if !row.flight.is_slow() || !row.is_as_expected(attack) || !prey.is_alive() {
            break;
        }
        canary.forget_times();
    }
    let deadline = Instant::now() + SETTLE;
    loop {
        row.left = prey.left_running().await;
        row.after =
            if prey.is_alive() { Some(Gauges::read(prey.pid())?.over(&before)) } else { None };
        let is_back = row.left == 0 && row.after.as_ref().is_none_or(Gauges::is_back);
        if is_back || Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    row.verdict = row.judge(attack);
    Ok(row)
}

/// Makes an attack again and again until the canary has flown often enough, or something is wrong.
async fn repeat(
    (attack, bytes): (&Attack, &[u8]),
    prey: &mut Prey,
    canary: &Canary,
    (row, runs): (&mut Row, usize),
) {
    loop {
        let took;
        (row.got, took) = outcome(attack, bytes, &prey.attacker).await;
        row.worst = row.worst.max(took);
        if canary.flown() >= runs || !row.is_as_expected(attack) || !prey.is_alive() {
            break;
        }
    }
}

/// How it ended, in the words of [`Expected`], and how long after it began: with the run, or with the upload of what never runs.
async fn outcome(attack: &Attack, bytes: &[u8], client: &Client) -> (String, Duration) {
    let mut began = Instant::now();
    let ended = match tried(attack, bytes, client, &mut began).await {
        Ok(ended) => ended,
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(Refused { problem, .. }) => code(problem),
            None => format!("{error:#}"),
        },
    };
    (ended, began.elapsed())
}

fn code(problem: &Value) -> String {
    problem["code"].as_str().unwrap_or("a problem without a code").to_owned()
}

async fn tried(
    attack: &Attack,
    bytes: &[u8],
    client: &Client,
    began: &mut Instant,
) -> anyhow::Result<String> {
    let kept: Component = client.read(Ask::put_wasm("/v1/components", bytes.to_vec())).await?;
    if let Expected::Noted(wanted) = attack.expected {
        let note = kept.notes.first().map_or("no note", String::as_str);
        let note = if note.starts_with(wanted) { wanted } else { note };
        return Ok(Expected::Noted("").to_string() + note);
    }
    let manifest = attack.manifest(Digest::of(bytes));
    client.text(Ask::post_toml("/v1/flows?activate=true", manifest)).await?;
    let path = format!("/v1/flows/{}/runs?wait=60s", attack.flow());
    *began = Instant::now();
    let run: Run = client.read(Ask::post(path, "{}")).await?;
    Ok(run.failure.map_or(run.status, |failure| failure.kind))
}
