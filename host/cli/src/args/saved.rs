//! Arguments of closures and schedules.

use std::time::Duration;

use clap::Subcommand;

use super::values;

#[derive(clap::Args)]
pub(crate) struct Closure {
    #[command(subcommand)]
    pub(crate) command: ClosureCommand,
}

#[derive(Subcommand)]
pub(crate) enum ClosureCommand {
    /// Lists the closures
    List,
    /// Shows a closure
    Show(Named),
    /// Saves a start under a name, in place of what had it before
    Set(Box<SetClosure>),
    /// Deletes a closure that nothing names
    Delete(Named),
}

#[derive(clap::Args)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    pub(crate) command: ScheduleCommand,
}

#[derive(Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Lists the schedules
    List,
    /// Shows a schedule: its next moment, and what came of the last one
    Show(Named),
    /// Saves a schedule under a name, in place of what had it before
    Set(Box<SetSchedule>),
    /// Deletes a schedule; runs it started go on
    Delete(Named),
    /// Lets a schedule rest
    Pause(Named),
    /// Lets a schedule go on at its next moment
    Resume(Named),
    /// Starts a run of a schedule now, out of turn
    Trigger(Named),
}

#[derive(clap::Args)]
pub(crate) struct Named {
    /// Its name
    pub(crate) name: String,
}

/// What is started.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Base {
    /// The flow it starts
    #[arg(long)]
    pub(crate) flow: Option<String>,
    /// The closure it starts
    #[arg(long)]
    pub(crate) closure: Option<String>,
}

/// What a start says about its run, as far as it says anything.
#[derive(clap::Args)]
pub(crate) struct Said {
    /// The input: JSON, `@file` or `-` for standard input; defaults to the closure's or `null`
    #[arg(long)]
    pub(crate) input: Option<String>,
    /// The version; defaults to the active one
    #[arg(long)]
    pub(crate) version: Option<u32>,
    /// Larger goes first; defaults to 0
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) priority: Option<i16>,
    /// How long the run may take in all: `1h`
    #[arg(long, value_parser = values::duration)]
    pub(crate) deadline: Option<Duration>,
    /// What holds for the attempts of every step, JSON: `{"max_attempts":1,"timeout_ms":500}`
    #[arg(long)]
    pub(crate) options: Option<String>,
}

/// What a start says that a schedule cannot.
#[derive(clap::Args)]
pub(crate) struct SaidOnce {
    /// Wait before the first steps: `5s`
    #[arg(long, value_parser = values::duration)]
    pub(crate) delay: Option<Duration>,
    /// Its name among the live runs of the flow; a second one is refused
    #[arg(long)]
    pub(crate) key: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct SetClosure {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) base: Base,
    #[command(flatten)]
    pub(crate) said: Said,
    #[command(flatten)]
    pub(crate) once: SaidOnce,
}

#[derive(clap::Args)]
pub(crate) struct SetSchedule {
    /// Its name
    pub(crate) name: String,
    /// When: `0 3 * * *` (minute, hour, day of month, month, day of week), seconds in front if need be, or `@daily`
    #[arg(long)]
    pub(crate) cron: String,
    /// The IANA name of the time zone it is read in: `Europe/Berlin`; defaults to UTC
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    #[command(flatten)]
    pub(crate) base: Base,
    /// When the run before has not ended: `allow` one more, or `skip` it
    #[arg(long, default_value = "allow")]
    pub(crate) overlap: String,
    /// When moments passed and no worker was there: `run_once` for all of them, or `skip` them
    #[arg(long, default_value = "run_once")]
    pub(crate) missed: String,
    #[command(flatten)]
    pub(crate) said: Said,
}
