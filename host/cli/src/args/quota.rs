//! Arguments of what concerns quotas and usage.

use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Quota {
    #[command(subcommand)]
    pub(crate) command: Option<QuotaCommand>,
}

#[derive(Subcommand)]
pub(crate) enum QuotaCommand {
    /// Shows the quota of a tenant, or of the key's own
    Show {
        /// The tenant
        tenant: Option<String>,
    },
    /// Says what a tenant may take; what is left out stays as it is. Takes the scope `admin`
    Set(Box<SetQuota>),
}

/// A number, or `none` for no limit.
#[derive(Clone, Copy)]
pub(crate) struct Most(pub(crate) Option<u64>);

fn most(text: &str) -> Result<Most, String> {
    if text == "none" {
        return Ok(Most(None));
    }
    let number = text.replace('_', "").parse();
    number.map(|number| Most(Some(number))).map_err(|_| "takes a number or `none`".to_owned())
}

#[derive(clap::Args)]
pub(crate) struct SetQuota {
    /// The tenant
    pub(crate) tenant: String,
    /// Its share beside other tenants', 1 to 10000
    #[arg(long)]
    pub(crate) weight: Option<u32>,
    /// Attempts that run at a time, over all hosts
    #[arg(long, value_parser = most)]
    pub(crate) running_attempts: Option<Most>,
    /// Runs that have not ended
    #[arg(long, value_parser = most)]
    pub(crate) live_runs: Option<Most>,
    /// Runs started in a second, over all hosts
    #[arg(long, value_parser = most)]
    pub(crate) runs_per_second: Option<Most>,
    /// Fuel used in a minute, over all hosts
    #[arg(long, value_parser = most)]
    pub(crate) fuel_per_minute: Option<Most>,
    /// Bytes of components, inputs, outputs, states, signals and logs
    #[arg(long, value_parser = most)]
    pub(crate) stored_bytes: Option<Most>,
    /// Uploaded components
    #[arg(long, value_parser = most)]
    pub(crate) components: Option<Most>,
    /// Seconds of compilation in a day (UTC)
    #[arg(long, value_parser = most)]
    pub(crate) compile_seconds_per_day: Option<Most>,
    /// Requests in a second, on each host
    #[arg(long, value_parser = most)]
    pub(crate) requests_per_second: Option<Most>,
}

impl SetQuota {
    /// The fields that are said, as the API calls them.
    pub(crate) fn said(&self) -> Vec<(&'static str, Option<u64>)> {
        let weight = self.weight.map(|weight| ("weight", Some(u64::from(weight))));
        let fields = [
            ("running_attempts", self.running_attempts),
            ("live_runs", self.live_runs),
            ("runs_per_second", self.runs_per_second),
            ("fuel_per_minute", self.fuel_per_minute),
            ("stored_bytes", self.stored_bytes),
            ("components", self.components),
            ("compile_seconds_per_day", self.compile_seconds_per_day),
            ("requests_per_second", self.requests_per_second),
        ];
        let said = fields.into_iter().filter_map(|(field, most)| Some((field, most?.0)));
        weight.into_iter().chain(said).collect()
    }
}

#[derive(clap::Args)]
pub(crate) struct Usage {
    /// The tenant; without it the key's own
    pub(crate) tenant: Option<String>,
    /// `hour` or `day` (UTC)
    #[arg(long, default_value = "hour")]
    pub(crate) by: String,
    /// The last so many hours or days
    #[arg(long, default_value_t = 24)]
    pub(crate) count: u32,
}
