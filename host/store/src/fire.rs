//! Moments of schedules: one transaction keeps one, whichever host is first, and moves the schedule on.

use std::time::Duration;

use model::{Code, Moment, Overlap, Refusal, RunId, TenantId, Verdict};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::saved::refusal;
use crate::schedule::problem_text;
use crate::start::{insert, keep_key};
use crate::{Error, OverQuota, ScheduleRow, StartAnswer, StartRun, Store};

/// What starting a run of a schedule out of turn answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triggered {
    /// What a start answers.
    Answered(StartAnswer),
    /// Its last run has not ended, and it starts no second one.
    Live(RunId),
    /// The schedule is gone.
    Gone,
}

/// What looking after a moment of a schedule came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// It is kept, and the schedule has moved on.
    Kept,
    /// Somebody else keeps it, or it or its flow has changed: look again.
    Elsewhere,
    /// It is still to be kept: its tenant may start no run in this moment.
    Later,
}

/// What came of a moment.
struct Kept {
    outcome: &'static str,
    run_id: Option<Uuid>,
    problem: Option<String>,
}

impl Kept {
    fn problem(why: &Refusal) -> Self {
        Self { outcome: "problem", run_id: None, problem: Some(problem_text(why)) }
    }
}

impl Store {
    /// Schedules whose moment has come: of tenants after this one in turn, `each` of one at most, `most` in all.
    pub async fn list_due_schedules(
        &self,
        after: TenantId,
        most: i64,
        each: i64,
    ) -> Result<Vec<(TenantId, String)>, Error> {
        let rows = sqlx::query_file!("queries/schedule/due.sql", after.0, most, each)
            .fetch_all(self.hot())
            .await?;
        Ok(rows.into_iter().map(|row| (TenantId(row.tenant_id), row.name)).collect())
    }

    /// How long it is until the first moment of any schedule; `None`: there is none.
    pub async fn next_schedule(&self) -> Result<Option<Duration>, Error> {
        let row = sqlx::query_file!("queries/schedule/next.sql").fetch_one(self.hot()).await?;
        let ms = row.next_in_ms.map(|ms| u64::try_from(ms).unwrap_or(0));
        Ok(ms.map(Duration::from_millis))
    }

    /// Keeps the moment of a schedule that has come: starts this run, or keeps why there is none, and moves the schedule on
    /// to its next moment, all or nothing. Who keeps it asks the tenant's quota; a moment that only a second of runs is in the
    /// way of stays due.
    pub async fn fire(
        &self,
        of: &ScheduleRow,
        start: Result<StartRun, Refusal>,
    ) -> Result<Fired, Error> {
        let mut work = self.hot().begin().await?;
        let (tenant, name) = (of.tenant.0, &of.name);
        let taken = sqlx::query_file!("queries/schedule/take.sql", tenant, name, of.revision)
            .fetch_optional(&mut *work)
            .await?;
        let Some(taken) = taken else {
            return Ok(Fired::Elsewhere);
        };
        let now = Moment(taken.now);
        let moments = of.schedule.moments();
        let is_live = live_run(&mut work, of, taken.last_run_id).await?.is_some();
        let (verdict, start) = match &moments {
            Ok(_) => (of.schedule.verdict(Moment(taken.due), now, is_live), start),
            // It rests, whatever it says, and must say why.
            Err(why) => (Verdict::Start, Err(refusal(why.code(), why.to_string()))),
        };
        let start = match (verdict, start) {
            (Verdict::Start, Ok(start)) => match self.admit_runs(of.tenant, 1).await? {
                None => Ok(start),
                Some(over) if over.field == OverQuota::RUNS_PER_SECOND => return Ok(Fired::Later),
                Some(over) => Err(beyond(over)),
            },
            (Verdict::Start | Verdict::Overlaps | Verdict::Missed, start) => start,
        };
        let Some(kept) = keep(&mut work, verdict, start).await? else {
            return Ok(Fired::Elsewhere);
        };
        let next = moments.ok().and_then(|moments| moments.next_after(now));
        sqlx::query_file!(
            "queries/schedule/fired.sql",
            tenant,
            name,
            kept.outcome,
            kept.run_id,
            kept.problem,
            next.map(|next| next.0)
        )
        .execute(&mut *work)
        .await?;
        work.commit().await?;
        if kept.run_id.is_some() {
            self.bell().ready();
        }
        Ok(Fired::Kept)
    }

    /// Starts a run of a schedule out of turn; once for an idempotency key (`once`: the key and the request's digest).
    pub async fn trigger(
        &self,
        of: &ScheduleRow,
        start: &StartRun,
        once: Option<(&str, [u8; 32])>,
    ) -> Result<Triggered, Error> {
        let mut work = self.begin(of.tenant).await?;
        if let Some((key, request_sha256)) = once
            && let Some(before) = keep_key(&mut work, start, key, request_sha256).await?
        {
            return Ok(Triggered::Answered(before));
        }
        let (tenant, name) = (of.tenant.0, &of.name);
        let held = sqlx::query_file!("queries/schedule/hold.sql", tenant, name)
            .fetch_optional(&mut *work)
            .await?;
        let Some(held) = held else {
            return Ok(Triggered::Gone);
        };
        if let Some(live) = live_run(&mut work, of, held.last_run_id).await? {
            return Ok(Triggered::Live(live));
        }
        let answer = insert(&mut work, start).await?;
        if answer == StartAnswer::Started {
            sqlx::query_file!("queries/schedule/triggered.sql", tenant, name, start.run_id.0)
                .execute(&mut *work)
                .await?;
            work.commit().await?;
            self.bell().ready();
        }
        Ok(Triggered::Answered(answer))
    }
}

/// The run that is in the way of another one. Asked when the schedule is held, so that whoever held it before is seen.
async fn live_run(
    work: &mut PgConnection,
    of: &ScheduleRow,
    last: Option<Uuid>,
) -> Result<Option<RunId>, Error> {
    let (Overlap::Skip, Some(last)) = (of.schedule.overlap, last) else {
        return Ok(None);
    };
    let live = sqlx::query_file!("queries/schedule/live.sql", of.tenant.0, last)
        .fetch_optional(work)
        .await?;
    Ok(live.map(|row| RunId(row.id)))
}

/// A run that a quota stands against.
fn beyond(OverQuota { field, limit, .. }: OverQuota) -> Refusal {
    let detail = format!("the tenant's quota `{field}` of {limit} is used up");
    refusal(Code::QuotaExceeded, detail)
}

/// What comes of a moment; `None`: the version is not the one new runs start on any more.
async fn keep(
    work: &mut PgConnection,
    verdict: Verdict,
    start: Result<StartRun, Refusal>,
) -> Result<Option<Kept>, Error> {
    let start = match (verdict, start) {
        (Verdict::Start, Ok(start)) => start,
        (Verdict::Start, Err(why)) => return Ok(Some(Kept::problem(&why))),
        (Verdict::Overlaps | Verdict::Missed, _) => {
            return Ok(Some(Kept { outcome: verdict.as_str(), run_id: None, problem: None }));
        }
    };
    Ok(match insert(work, &start).await? {
        StartAnswer::Started => {
            let run_id = Some(start.run_id.0);
            Some(Kept { outcome: verdict.as_str(), run_id, problem: None })
        }
        StartAnswer::Duplicate(live) => {
            let detail = format!("the live run {live} of its flow has the same key");
            Some(Kept::problem(&refusal(Code::RunDuplicate, detail)))
        }
        StartAnswer::NotCurrent | StartAnswer::Existing(_) | StartAnswer::Mismatch => None,
    })
}
