//! Signals: a run's inbox, and the tasks that wait for what comes in.

use model::limits::{MAX_INBOX, MAX_INBOX_BYTES};
use model::{Json, Name, RunId, Signal, TenantId};

use crate::durable::keep_signals_out;
use crate::recall::read_name;
use crate::{Error, Store};

/// A signal to send. Its payload passed the gate.
#[derive(Clone, Copy, Debug)]
pub struct NewSignal<'a> {
    /// Its name.
    pub name: &'a Name,
    /// What is sent.
    pub payload: &'a Json,
    /// The same key twice for one run is one signal.
    pub dedup_key: Option<&'a str>,
}

/// What sending a signal answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the inbox, durably.
    Added {
        /// Its place in the inbox.
        id: i64,
    },
    /// An entry with the same dedup key was there already.
    Duplicate {
        /// Its place in the inbox.
        id: i64,
    },
    /// The inbox has no room.
    Full,
    /// The run has ended, or there is none.
    NotLive,
}

/// Times a signal gives way to workers' statements before it gives up.
const MOST_COLLISIONS: u32 = 10;

impl Store {
    /// What is in a run's inbox, in order.
    pub async fn load_inbox(&self, tenant: TenantId, run_id: RunId) -> Result<Vec<Signal>, Error> {
        let rows = sqlx::query_file!("queries/signal/inbox.sql", tenant.0, run_id.0)
            .fetch_all(self.hot())
            .await?;
        let signal = |row| {
            let (id, name, payload): (i64, String, String) = row;
            Ok(Signal { id, name: read_name(&name)?, payload: Json::trusted(payload) })
        };
        rows.into_iter().map(|row| (row.id, row.name, row.payload)).map(signal).collect()
    }

    /// Puts a signal into a run's inbox. Durable on return; a task that waits for it is ready.
    pub async fn send_signal(
        &self,
        tenant: TenantId,
        run_id: RunId,
        signal: &NewSignal<'_>,
    ) -> Result<Sent, Error> {
        let mut collisions = 0;
        loop {
            match self.try_send(tenant, run_id, signal).await {
                Err(Error::Collision) if collisions < MOST_COLLISIONS => collisions += 1,
                sent => return sent,
            }
        }
    }

    async fn try_send(
        &self,
        tenant: TenantId,
        run_id: RunId,
        signal: &NewSignal<'_>,
    ) -> Result<Sent, Error> {
        let mut work = self.begin(tenant).await?;
        keep_signals_out(&mut work, &[run_id]).await?;
        let row = sqlx::query_file!(
            "queries/signal/send.sql",
            tenant.0,
            run_id.0,
            signal.name.as_str(),
            signal.payload.as_str(),
            signal.dedup_key,
            MAX_INBOX,
            MAX_INBOX_BYTES
        )
        .fetch_one(&mut *work)
        .await?;
        work.commit().await?;
        if row.woken > 0 {
            self.bell().ready_here();
        }
        Ok(match (row.is_live, row.added_id, row.before_id) {
            (Some(true), Some(id), _) => Sent::Added { id },
            (Some(true), None, Some(id)) => Sent::Duplicate { id },
            (Some(true), None, None) => Sent::Full,
            (Some(false) | None, ..) => Sent::NotLive,
        })
    }
}
