//! Time and chance. What a handler takes from here differs at each try: what must not differ is kept, as a durable handler keeps
//! its state.
//!
//! ```
//! use stepcell_guest::{Error, system};
//!
//! fn ticket(_input: ()) -> Result<String, Error> {
//!     let number = u64::from_le_bytes(system::random());
//!     let since = system::now().duration_since(std::time::UNIX_EPOCH)?;
//!     Ok(format!("{}-{number:016x}", since.as_millis()))
//! }
//! # assert!(ticket(()).is_ok());
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::host;

/// The time, to a millisecond. `SystemTime::now` of the standard library does not work in a component without WASI.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(host::now_ms())
}

/// Random bytes that nobody can predict.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Fills a slice with such bytes.
pub fn fill(bytes: &mut [u8]) {
    for part in bytes.chunks_mut(MOST_AT_A_TIME as usize) {
        let count = u32::try_from(part.len()).unwrap_or(MOST_AT_A_TIME);
        part.copy_from_slice(&host::random_bytes(count));
    }
}

/// What the host gives at a time.
const MOST_AT_A_TIME: u32 = 4_096;
