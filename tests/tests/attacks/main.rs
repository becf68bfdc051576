//! What hostile guests, requests and texts can do to a running host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
