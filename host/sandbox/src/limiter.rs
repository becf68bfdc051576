//! Counts the memory of one attempt: all memories, tables and files together, the peak, and whether more was refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS};
use wasmtime::ResourceLimiter;

use crate::engine::MAX_TABLES;

/// Host memory behind one table element.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// The bytes one attempt holds, counted by its limiter and its scratch folder. The guest chooses the numbers, so all
/// arithmetic saturates.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<Bytes>>);

struct Bytes {
    most: usize,
    held: usize,
    peak: usize,
}

impl Memory {
    fn new(limits: &Limits) -> Self {
        let most = limits.memory_bytes.min(Limits::CEILING.memory_bytes);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Mutex::new(Bytes { most, held: 0, peak: 0 })))
    }

    /// Takes so many more, if there is room; says whether.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let mut memory = self.lock();
        let held = memory.held.saturating_add(bytes);
        if held > memory.most {
            return false;
        }
        memory.held = held;
        memory.peak = memory.peak.max(held);
        true
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, bytes: usize) {
        let mut memory = self.lock();
        memory.held = memory.held.saturating_sub(bytes);
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.lock().held
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the memories and tables of one attempt may take.
pub(crate) struct Limiter {
    memory: Memory,
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
        Self {
            memory: Memory::new(limits),
            elements: 0,
            last_grant: Grant::default(),
            refused: false,
        }
    }

    /// The most bytes held at once.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory.lock().peak as u64
    }

    /// What the attempt's scratch folder takes its bytes from.
    pub(crate) fn memory(&self) -> Memory {
        self.memory.clone()
    }

    /// True once a memory or table was not allowed to grow.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grant(&mut self, grant: Grant) -> bool {
        let elements = self.elements.saturating_add(grant.elements);
        if elements > MAX_TABLE_ELEMENTS || !self.memory.take(grant.bytes) {
            self.refused = true;
            self.last_grant = Grant::default();
            return false;
        }
        self.elements = elements;
        self.last_grant = grant;
        true
    }

    fn take_back(&mut self) {
        let grant = std::mem::take(&mut self.last_grant);
        self.memory.give_back(grant.bytes);
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
                let held = |limiter: &Limiter| (limiter.memory.held(), limiter.elements);
                let before = held(&limiter);
                let granted = match is_table {
                    true => limiter.table_growing(current, desired, None).unwrap(),
                    false => limiter.memory_growing(current, desired, None).unwrap(),
                };
                prop_assert!(granted || held(&limiter) == before);
                prop_assert!(held(&limiter).0 as u64 <= most.min(Limits::CEILING.memory_bytes));
                prop_assert!(limiter.elements <= MAX_TABLE_ELEMENTS);
                if granted && fails {
                    limiter.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
                    prop_assert_eq!(held(&limiter), before);
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
