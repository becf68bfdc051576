//! What an attempt used.

use serde::{Deserialize, Serialize};

/// What one attempt used, failed ones too. Zero where the attempt never came so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Fuel consumed; for an attempt that was stopped from outside, at least elapsed time times the rate.
    pub fuel: u64,
    /// From before instantiation to after the store was dropped, in microseconds.
    pub wall_us: u64,
    /// The part of `wall_us` that instantiation took, in microseconds.
    pub instantiate_us: u64,
    /// The most bytes all memories, tables and files of the scratch folder held together.
    pub peak_memory_bytes: u64,
    /// Bytes of JSON the guest was given.
    pub input_bytes: u64,
    /// Bytes of JSON the guest answered, before any check.
    pub output_bytes: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Bytes of log the attempt wrote and the host kept.
    pub log_bytes: u64,
}

impl Receipt {
    /// Adds what another call of the same attempt used.
    pub fn add(&mut self, other: &Self) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.wall_us = self.wall_us.saturating_add(other.wall_us);
        self.instantiate_us = self.instantiate_us.saturating_add(other.instantiate_us);
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        self.input_bytes = self.input_bytes.saturating_add(other.input_bytes);
        self.output_bytes = self.output_bytes.saturating_add(other.output_bytes);
        self.host_calls = self.host_calls.saturating_add(other.host_calls);
        self.log_bytes = self.log_bytes.saturating_add(other.log_bytes);
    }
}
