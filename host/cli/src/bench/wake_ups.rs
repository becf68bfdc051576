//! How soon the handler of a parked run begins after a signal, beside how soon the first handler of a run begins.

use std::time::{Duration, SystemTime};

use model::{Json, RunId};
use serde_json::{Value, json};
use store::{NewSignal, Sent};

use crate::bench::report::{Row, Spread};
use crate::bench::rig::Rig;

/// From the call that sends a signal, or starts a run, until the handler began, at the latest. A handler began when its
/// attempt was recorded, less what its receipt says it took; clocks are compared on one machine.
pub(super) struct WakeUps {
    start: Spread,
    wake: Spread,
}

impl WakeUps {
    /// Starts runs that park, and wakes them, one after another.
    pub(super) async fn measure(parks: &Rig, runs: u32) -> anyhow::Result<Self> {
        let (mut starts, mut wakes) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let asked = now()?;
            let run_id = parks.start().await?;
            parks.until_parked(run_id, 1).await?;
            wakes.push(wake(parks, run_id).await?);
            let began = parks.store.attempts_began(parks.tenant, run_id).await?;
            starts.extend(began.first().map(|began| began.saturating_sub(asked)));
        }
        Ok(Self { start: Spread::of(starts), wake: Spread::of(wakes) })
    }

    /// How soon runs wake that are parked already.
    pub(super) async fn of_parked(parks: &Rig, runs: u32) -> anyhow::Result<Spread> {
        let mut wakes = Vec::new();
        for run_id in parks.store.pick_parked(parks.tenant, runs).await? {
            wakes.push(wake(parks, run_id).await?);
        }
        Ok(Spread::of(wakes))
    }

    pub(super) fn wake(&self) -> Spread {
        self.wake
    }

    pub(super) fn row(&self) -> Row {
        let ratio = self.wake.ratio(self.start);
        Row {
            what: "a signal on an idle host, from the call that sends it to the start of the woken handler".into(),
            ours: format!("{}, {ratio:.1} times", self.wake.text()),
            beside: format!("{}: from the call that starts a run to the start of its first handler", self.start.text()),
        }
    }

    pub(super) fn json(&self) -> Value {
        let ratio = self.wake.ratio(self.start);
        json!({ "wake_ms": self.wake.json(), "start_ms": self.start.json(), "ratio": ratio })
    }
}

/// Sends the signal that a run waits for, and waits until it has ended; how soon its handler began.
async fn wake(parks: &Rig, run_id: RunId) -> anyhow::Result<Duration> {
    let (name, payload) = ("go".parse()?, Json::null());
    let signal = NewSignal { name: &name, payload: &payload, dedup_key: None };
    let mut ended = parks.store.ended();
    let asked = now()?;
    let sent = parks.store.send_signal(parks.tenant, run_id, &signal).await?;
    anyhow::ensure!(matches!(sent, Sent::Added { .. }), "a signal was not taken: {sent:?}");
    while ended.recv().await? != run_id {}
    let began = parks.store.attempts_began(parks.tenant, run_id).await?;
    anyhow::ensure!(began.len() == 2, "a run was not parked and woken once");
    Ok(began[1].saturating_sub(asked))
}

/// Since 1970.
fn now() -> anyhow::Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}
