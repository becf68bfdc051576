//! HTTP: the address of every thing, one noun a file; decides nothing that the model or the store decides.
//!
//! A request passes, in this order: its id, the panic net, its key and scope, its body within a ceiling, the JSON
//! gate. Whatever is wrong with it is one [`Problem`].

mod asked;
mod attempts;
mod audit;
mod auth;
mod batch;
mod body;
mod breakers;
mod carried;
mod closures;
mod cloud_event;
mod compensation;
mod components;
mod cursor;
mod dead_letters;
mod docs;
mod events;
mod export;
mod flows;
mod health;
mod key;
mod limits;
mod logs;
mod metrics;
mod output;
mod pages;
mod params;
mod plans;
mod problem;
mod quotas;
mod report;
mod request_id;
mod reruns;
mod router;
mod run_list;
mod runs;
mod runtimes;
mod saved;
mod schedules;
mod secrets;
mod serve;
mod signals;
mod source;
mod start;
mod state;
mod tenant_keys;
mod tenants;
mod timeline;
mod trigger;
mod upload;
mod versions;
mod view;
mod wait;
mod weight;
mod workers;

pub use key::{BadKey, Key};
pub use limits::Limits;
pub use problem::Problem;
pub use router::{openapi, router};
pub use serve::serve;
pub use state::State;
