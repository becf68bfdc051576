//! Counts the memory of one attempt: all memories and tables together, the peak, and whether more was refused.

use model::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS};
use wasmtime::ResourceLimiter;

use crate::engine::MAX_TABLES;

/// Host memory behind one table element.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// What one attempt holds. The guest chooses the numbers, so all arithmetic saturates.
pub(crate) struct Limiter {
    most_bytes: usize,
    held_bytes: usize,
    peak_bytes: usize,
    elements: usize,
    last_grant: Grant,
    refused: bool,
}

#[derive(Clone, Copy, Default)]
struct Grant {
    bytes: usize,
    elements: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.memory_bytes.min(Limits::CEILING.memory_bytes);
        Self {
            most_bytes: usize::try_from(most).unwrap_or(usize::MAX),
            held_bytes: 0,
            peak_bytes: 0,
            elements: 0,
            last_grant: Grant::default(),
            refused: false,
        }
    }

    /// The most bytes held at once.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes as u64
    }

    /// True once a memory or table was not allowed to grow.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grant(&mut self, grant: Grant) -> bool {
        let held = self.held_bytes.saturating_add(grant.bytes);
        let elements = self.elements.saturating_add(grant.elements);
        if held > self.most_bytes || elements > MAX_TABLE_ELEMENTS {
            self.refused = true;
            self.last_grant = Grant::default();
            return false;
        }
        self.held_bytes = held;
        self.elements = elements;
        self.peak_bytes = self.peak_bytes.max(held);
        self.last_grant = grant;
        true
    }

    fn take_back(&mut self) {
        let grant = std::mem::take(&mut self.last_grant);
        self.held_bytes = self.held_bytes.saturating_sub(grant.bytes);
        self.elements = self.elements.saturating_sub(grant.elements);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grant(Grant { bytes: desired.saturating_sub(current), elements: 0 }))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current);
        Ok(self.grant(Grant { bytes: elements.saturating_mul(ELEMENT_BYTES), elements }))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limiter(memory_bytes: u64) -> Limiter {
        Limiter::new(&Limits { memory_bytes, ..Limits::default() })
    }

    #[test]
    fn all_memories_count_together() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.refused());
        assert_eq!(limiter.peak_bytes(), 60);
    }

    #[test]
    fn no_number_a_guest_chooses_overflows() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(!limiter.table_growing(0, usize::MAX, None).unwrap());
    }

    /// Sizes a guest may choose: those around a limit, and any.
    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![0..=30_000_usize, 0..=64 * 1024 * 1024_usize, any::<usize>()]
    }

    proptest! {
        #[test]
        fn whatever_grows_what_is_held_is_within_the_limits(
            most in prop_oneof![0..=128 * 1024 * 1024_u64, any::<u64>()],
            growths in prop::collection::vec((any::<bool>(), size(), size(), any::<bool>()), 0..60),
        ) {
            let mut limiter = limiter(most);
            for (is_table, current, desired, fails) in growths {
                let before = (limiter.held_bytes, limiter.elements);
                let granted = match is_table {
                    true => limiter.table_growing(current, desired, None).unwrap(),
                    false => limiter.memory_growing(current, desired, None).unwrap(),
                };
                prop_assert!(granted || (limiter.held_bytes, limiter.elements) == before);
                prop_assert!(limiter.held_bytes as u64 <= most.min(Limits::CEILING.memory_bytes));
                prop_assert!(limiter.elements <= MAX_TABLE_ELEMENTS);
                if granted && fails {
                    limiter.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
                    prop_assert_eq!((limiter.held_bytes, limiter.elements), before);
                }
            }
            prop_assert!(limiter.peak_bytes() <= most);
        }
    }

    #[test]
    fn growth_that_failed_is_given_back() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }
}
