//! Schedules: saving, reading, pausing. Their moments are kept in `fire`.

use model::{Json, Moment, Refusal, RunId, Schedule, TenantId};
use uuid::Uuid;

use crate::saved::read_base;
use crate::{Action, Base, By, Entry, Error, Saved, Store, audit};

/// A schedule.
#[derive(Clone, Debug)]
pub struct ScheduleRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// That tenant's name.
    pub tenant_name: String,
    /// Its name.
    pub name: String,
    /// What it starts.
    pub base: Base,
    /// When, and how.
    pub schedule: Schedule,
    /// Counts what changed it.
    pub revision: i32,
    /// The next moment, RFC 3339; `None`: it is paused.
    pub next_at: Option<String>,
    /// The moment it dealt with last.
    pub last_at: Option<String>,
    /// What came of it: `started`, `overlap`, `missed` or `problem`.
    pub last_outcome: Option<String>,
    /// The run it started last.
    pub last_run_id: Option<RunId>,
    /// Why it could not start one: a `code` and a `detail`.
    pub last_problem: Option<Json>,
    /// When it was saved first, RFC 3339.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
}

impl ScheduleRow {
    /// What it starts, with what it says about it.
    pub fn saved(&self) -> Saved {
        Saved { base: self.base.clone(), start: self.schedule.start.clone() }
    }
}

/// A schedule as Postgres answers it.
struct Row {
    tenant_id: i32,
    tenant_name: String,
    name: String,
    flow_name: Option<String>,
    closure: Option<String>,
    definition: String,
    revision: i32,
    next_at: Option<String>,
    last_at: Option<String>,
    last_outcome: Option<String>,
    last_run_id: Option<Uuid>,
    last_problem: Option<String>,
    created_at: String,
    updated_at: String,
}

impl TryFrom<Row> for ScheduleRow {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let schedule = serde_json::from_str(&row.definition);
        Ok(Self {
            tenant: TenantId(row.tenant_id),
            tenant_name: row.tenant_name,
            name: row.name,
            base: read_base(row.flow_name, row.closure)?,
            schedule: schedule.map_err(|why| Error::unreadable("a schedule", why))?,
            revision: row.revision,
            next_at: row.next_at,
            last_at: row.last_at,
            last_outcome: row.last_outcome,
            last_run_id: row.last_run_id.map(RunId),
            last_problem: row.last_problem.map(Json::trusted),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A problem as a schedule keeps it.
pub(crate) fn problem_text(refusal: &Refusal) -> String {
    let Refusal { code, detail, .. } = refusal;
    serde_json::json!({ "code": code, "detail": detail }).to_string()
}

impl Store {
    /// The moment it is by Postgres's clock.
    pub async fn now(&self) -> Result<Moment, Error> {
        let row = sqlx::query_file!("queries/schedule/now.sql").fetch_one(self.pool()).await?;
        Ok(Moment(row.now))
    }

    /// Saves a schedule, in place of one of the same name, which stays paused where it is. Its flow or closure is there.
    /// True: there was none of this name.
    pub async fn put_schedule(
        &self,
        by: By<'_>,
        (name, base): (&str, &Base),
        schedule: &Schedule,
        next: Moment,
    ) -> Result<bool, Error> {
        let (flow, closure) = base.names();
        let definition = serde_json::to_string(schedule).expect("a schedule is always JSON");
        let mut work = self.begin(by.tenant).await?;
        let put = sqlx::query_file!(
            "queries/schedule/put.sql",
            by.tenant.0,
            name,
            flow,
            closure,
            definition,
            next.0
        )
        .fetch_optional(&mut *work)
        .await?;
        if put.is_some() {
            audit::write(&mut work, &Entry::new(by, Action::SchedulePut, name)).await?;
        }
        work.commit().await?;
        Ok(put.is_some_and(|put| put.is_new))
    }

    /// One schedule.
    pub async fn get_schedule(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<ScheduleRow>, Error> {
        let row = sqlx::query_file_as!(Row, "queries/schedule/get.sql", tenant.0, name)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        row.map(ScheduleRow::try_from).transpose()
    }

    /// A page of schedules with a name after `after`.
    pub async fn list_schedules(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ScheduleRow>, Error> {
        let rows = sqlx::query_file_as!(Row, "queries/schedule/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter().map(ScheduleRow::try_from).collect()
    }

    /// Deletes a schedule; runs it started go on. False when it is unknown.
    pub async fn delete_schedule(&self, by: By<'_>, name: &str) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let done = sqlx::query_file!("queries/schedule/delete.sql", by.tenant.0, name)
            .execute(&mut *work)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(&mut work, &Entry::new(by, Action::ScheduleDelete, name)).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Lets a schedule rest, for a problem or because it was asked to. False when it is unknown.
    pub async fn pause_schedule(
        &self,
        tenant: TenantId,
        name: &str,
        why: Option<&Refusal>,
    ) -> Result<bool, Error> {
        let problem = why.map(problem_text);
        let done = sqlx::query_file!("queries/schedule/pause.sql", tenant.0, name, problem)
            .execute(&mut *self.bound(tenant).await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets a schedule that rests go on at a moment. False when it has changed meanwhile.
    pub async fn resume_schedule(&self, of: &ScheduleRow, next: Moment) -> Result<bool, Error> {
        let done = sqlx::query_file!(
            "queries/schedule/resume.sql",
            of.tenant.0,
            of.name,
            of.revision,
            next.0
        )
        .execute(&mut *self.bound(of.tenant).await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
