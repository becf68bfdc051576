//! Asks a host that has stopped answering again, for a while: it may be starting anew.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::client::{Ask, Client};
use crate::exit::{Unreachable, is_unreachable};
use crate::screen::Screen;

/// How long a host may be silent before it counts as gone.
const SILENCE: Duration = Duration::from_secs(60);
/// The pause before the first new try; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A host that is followed through its restarts. One that nobody has met yet is not waited for.
pub(crate) struct Persistent<'a> {
    client: &'a Client,
    screen: &'a Screen,
    deadline: Option<Instant>,
    is_met: bool,
}

impl<'a> Persistent<'a> {
    /// A host that was not spoken to yet.
    pub(crate) fn new(client: &'a Client, screen: &'a Screen) -> Self {
        Self { client, screen, deadline: None, is_met: false }
    }

    /// A host that has just answered.
    pub(crate) fn met(client: &'a Client, screen: &'a Screen) -> Self {
        Self { is_met: true, ..Self::new(client, screen) }
    }

    /// Past this time the host is not waited for.
    pub(crate) fn until(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// Sends a request; a problem is an error.
    pub(crate) async fn send(&mut self, ask: &Ask) -> anyhow::Result<Response> {
        let client = self.client;
        self.insist(async || client.send(ask.clone()).await).await
    }

    /// The text of an answer.
    pub(crate) async fn text(&mut self, ask: &Ask) -> anyhow::Result<String> {
        let client = self.client;
        self.insist(async || client.text(ask.clone()).await).await
    }

    /// An answer, read.
    pub(crate) async fn read<T: DeserializeOwned>(&mut self, ask: &Ask) -> anyhow::Result<T> {
        let client = self.client;
        self.insist(async || client.read(ask.clone()).await).await
    }

    async fn insist<T>(&mut self, ask: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut gives_up = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match ask().await {
                Err(error) if is_unreachable(&error) => error,
                done => {
                    self.is_met |= done.is_ok();
                    return done;
                }
            };
            // An answer that broke off shows that somebody has been there.
            self.is_met |=
                error.downcast_ref().is_some_and(|gone: &Unreachable| !gone.found_nobody);
            if !self.is_met {
                return Err(error);
            }
            let gives_up = *gives_up.get_or_insert_with(|| {
                self.screen.complain("the host does not answer; still trying");
                let silent = Instant::now() + SILENCE;
                self.deadline.map_or(silent, |deadline| deadline.min(silent))
            });
            let left = gives_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(error);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
