//! What tasks ended in, for whoever takes over a token that stands on it.

use model::limits::MAX_ANSWERS_BYTES;
use model::{Json, SkipReason, StepIndex, TaskKey};

use crate::flow::step_number;
use crate::token::{RunFacts, read_step};
use crate::{Error, Store};

/// Answers somebody needs: of one step, the tasks `lo..hi`.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The step.
    pub step: StepIndex,
    /// The first task.
    pub lo: u32,
    /// One past the last.
    pub hi: u32,
}

/// Map tasks of a range that are not the range's any more.
#[derive(Clone, Copy, Debug)]
pub struct Departed {
    /// Which task.
    pub index: u32,
    /// True: it has an outcome. False: it was tried and has a token of its own.
    pub ended: bool,
}

/// What some tasks ended in.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Their answers.
    pub outputs: Vec<(TaskKey, Json)>,
    /// The steps among them that were skipped.
    pub skipped: Vec<(StepIndex, SkipReason)>,
}

impl Need {
    /// Every task of a step.
    pub fn all(step: StepIndex) -> Self {
        Self { step, lo: 0, hi: u32::MAX }
    }

    /// Whether a step was skipped, and no answer of it.
    pub fn none_of(step: StepIndex) -> Self {
        Self { step, lo: 0, hi: 0 }
    }
}

impl Loaded {
    /// What rows say that have how much there is in all beside each; `None`: more than so many bytes.
    pub(crate) fn bounded(
        rows: impl Iterator<Item = (i64, Option<i16>, Option<i32>, Option<String>)>,
        most: usize,
    ) -> Result<Option<Self>, Error> {
        let mut loaded = Self::default();
        for (bytes, step, index, output) in rows {
            if usize::try_from(bytes).is_ok_and(|bytes| bytes > most) {
                return Ok(None);
            }
            if let (Some(step), Some(index)) = (step, index) {
                loaded.add(read_step(step)?, index, output)?;
            }
        }
        Ok(Some(loaded))
    }

    pub(crate) fn add(
        &mut self,
        step: StepIndex,
        index: i32,
        output: Option<String>,
    ) -> Result<(), Error> {
        match (u32::try_from(index), output) {
            (Ok(index), Some(output)) => {
                self.outputs.push((TaskKey { step, index }, Json::trusted(output)));
            }
            // Where its policy is to fail, the run has failed.
            (Ok(_), None) => self.skipped.push((step, SkipReason::HandlerFailed)),
            (Err(_), Some(reason)) => self.skipped.push((step, read_reason(&reason)?)),
            (Err(_), None) => {}
        }
        Ok(())
    }
}

pub(crate) fn read_reason(text: &str) -> Result<SkipReason, Error> {
    serde_json::from_str(text).map_err(|why| Error::unreadable("why a step was skipped", why))
}

impl Store {
    /// What some tasks of one run ended in; `None`: more than [`MAX_ANSWERS_BYTES`], which nobody is given.
    pub async fn load_outcomes(
        &self,
        run: &RunFacts,
        needs: &[Need],
    ) -> Result<Option<Loaded>, Error> {
        let tenants = vec![run.tenant.0; needs.len()];
        let runs = vec![run.run_id.0; needs.len()];
        let steps: Vec<i16> = needs.iter().map(|need| step_number(need.step)).collect();
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        // Before the first task is where a step that had none ended.
        let lo = |need: &Need| if need.lo == 0 { -1 } else { number(need.lo) };
        let los: Vec<i32> = needs.iter().map(lo).collect();
        let his: Vec<i32> = needs.iter().map(|need| number(need.hi)).collect();
        let rows = sqlx::query_file!(
            "queries/outcome/load.sql",
            &tenants,
            &runs,
            &steps,
            &los,
            &his,
            MAX_ANSWERS_BYTES as i64
        )
        .fetch_all(self.hot())
        .await?;
        let rows = rows.into_iter().map(|row| (row.bytes, row.step, row.index, row.output));
        Loaded::bounded(rows, MAX_ANSWERS_BYTES)
    }

    /// How many tasks some map steps of one run have, where that was recorded.
    pub async fn load_widths(
        &self,
        run: &RunFacts,
        steps: &[StepIndex],
    ) -> Result<Vec<(StepIndex, u32)>, Error> {
        let tenants = vec![run.tenant.0; steps.len()];
        let runs = vec![run.run_id.0; steps.len()];
        let steps: Vec<i16> = steps.iter().map(|step| step_number(*step)).collect();
        let rows = sqlx::query_file!("queries/outcome/load_widths.sql", &tenants, &runs, &steps)
            .fetch_all(self.hot())
            .await?;
        rows.into_iter()
            .map(|row| Ok((read_step(row.step)?, u32::try_from(row.arrival_count).unwrap_or(0))))
            .collect()
    }

    /// The tasks of a range that ended or have a token of their own.
    pub async fn load_departed(&self, run: &RunFacts, range: Need) -> Result<Vec<Departed>, Error> {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let rows = sqlx::query_file!(
            "queries/outcome/load_departed.sql",
            &[run.tenant.0],
            &[run.run_id.0],
            &[step_number(range.step)],
            &[number(range.lo)],
            &[number(range.hi)]
        )
        .fetch_all(self.hot())
        .await?;
        let departed = rows.into_iter().filter_map(|row| {
            Some(Departed { index: u32::try_from(row.index).ok()?, ended: row.ended })
        });
        Ok(departed.collect())
    }
}
