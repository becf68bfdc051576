//! What `stepcell bench` holds Stepcell against, in the same database and the same minute: the usual tables with one
//! transaction to claim and one to complete each step, the bare insertion of outcomes, one bare commit.

mod durable;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::TenantId;
use sqlx::{Executor as _, PgPool};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Error, Store};

pub use durable::Lateness;

/// What a handler that does nothing answers.
const OUTPUT: &str = r#"{"n":1}"#;

/// Outcomes in one batch of the floor.
const BATCH: usize = 100;

impl Store {
    /// Makes the tables of the baseline, of the floors and of what is due, in a schema of their own.
    pub async fn prepare_baseline(&self) -> Result<(), Error> {
        self.pool().execute(include_str!("../queries/bench/prepare.sql")).await?;
        Ok(())
    }

    /// Runs of three steps through the usual tables, `connections` at once, with a handler that does nothing; how long
    /// that took. It keeps what Stepcell keeps: the answer, a receipt of each attempt, the events of the run.
    pub async fn run_baseline(&self, runs: u32, connections: u32) -> Result<Duration, Error> {
        sqlx::query(include_str!("../queries/bench/fill.sql"))
            .bind(i64::from(runs))
            .execute(self.pool())
            .await?;
        self.pool().execute("analyze bench.step").await?;
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            let pool = self.pool().clone();
            workers.spawn(async move {
                while let Some(job) = claim(&pool).await? {
                    complete(&pool, job).await?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(done) = workers.join_next().await {
            done.map_err(|error| Error::unreadable("the baseline", error))??;
        }
        Ok(started.elapsed())
    }

    /// Outcomes inserted in batches on two connections, nothing else; how long that took.
    pub async fn run_floor(&self, outcomes: usize) -> Result<Duration, Error> {
        let started = Instant::now();
        let mut inserters = JoinSet::new();
        for _ in 0..2 {
            let pool = self.pool().clone();
            inserters.spawn(async move {
                for _ in 0..outcomes / 2 / BATCH {
                    let runs: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                    sqlx::query(include_str!("../queries/bench/insert_outcomes.sql"))
                        .bind(runs)
                        .bind(vec![1_i16; BATCH])
                        .bind(vec![OUTPUT; BATCH])
                        .execute(&pool)
                        .await?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(done) = inserters.join_next().await {
            done.map_err(|error| Error::unreadable("the floor", error))??;
        }
        Ok(started.elapsed())
    }

    /// How many outcomes each tenant has.
    pub async fn count_outcomes(&self) -> Result<HashMap<TenantId, i64>, Error> {
        let query = sqlx::query_as(include_str!("../queries/bench/outcomes.sql"));
        let rows: Vec<(i32, i64)> = query.fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(|(tenant, count)| (TenantId(tenant), count)).collect())
    }

    /// One row inserted and committed; how long that took.
    pub async fn commit_once(&self) -> Result<Duration, Error> {
        let started = Instant::now();
        sqlx::query(include_str!("../queries/bench/commit.sql")).execute(self.pool()).await?;
        Ok(started.elapsed())
    }
}

/// A step the baseline claimed: its id, run and place.
type Claimed = (i64, i64, i16);

async fn claim(pool: &PgPool) -> Result<Option<Claimed>, Error> {
    let mut work = pool.begin().await?;
    let claimed: Option<Claimed> = sqlx::query_as(include_str!("../queries/bench/claim.sql"))
        .fetch_optional(&mut *work)
        .await?;
    work.commit().await?;
    Ok(claimed)
}

async fn complete(pool: &PgPool, (id, run, step): Claimed) -> Result<(), Error> {
    let mut work = pool.begin().await?;
    let completed = sqlx::query(include_str!("../queries/bench/complete.sql"));
    completed.bind(id).bind(OUTPUT).execute(&mut *work).await?;
    let attempt = sqlx::query(include_str!("../queries/bench/keep_attempt.sql"));
    attempt.bind(id).bind(OUTPUT).execute(&mut *work).await?;
    let event = sqlx::query(include_str!("../queries/bench/keep_event.sql"));
    event.bind(run).bind("step_completed").execute(&mut *work).await?;
    let next = sqlx::query(include_str!("../queries/bench/open_next.sql"));
    next.bind(run).bind(step).bind(OUTPUT).execute(&mut *work).await?;
    let left = sqlx::query(include_str!("../queries/bench/count_down.sql"));
    left.bind(run).execute(&mut *work).await?;
    work.commit().await?;
    Ok(())
}
