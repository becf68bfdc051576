//! The behaviours Stepcell promises, through the real thing: Postgres, components, HTTP, processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod architecture;
mod bad_input;
mod breakers;
mod builtins;
mod children;
mod closures;
mod command_line;
mod command_line_errors;
mod command_line_follows;
mod compensation;
mod conditions;
mod durable;
mod examples;
mod figures;
mod hot_swap;
mod http_calls;
mod http_refused;
mod journeys;
mod keeping;
mod maps;
mod operate;
mod races;
mod random_flows;
mod random_histories;
mod recovery;
mod requests;
mod reruns;
mod retries;
mod schedule_moments;
mod schedules;
mod schema;
mod signals;
mod starts;
mod telling;
mod workers;
