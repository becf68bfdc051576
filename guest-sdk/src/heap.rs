//! The heap of a component: its first pages are part of the module, so a small handler never asks the host for memory.
//!
//! Growing a memory and taking it back costs the host two changes of page protection, which on a machine with many
//! cores interrupt all of them. Rust's own allocator grows for its first byte; this is the same allocator over other
//! pages. Untouched pages cost nothing.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::memory_grow;
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use dlmalloc::{Allocator, Dlmalloc};

const PAGE: usize = 64 * 1024;
/// What most handlers need at most: an input and an output of some tens of KiB.
const FIRST_BYTES: usize = 2 * PAGE;

#[global_allocator]
static HEAP: Heap =
    Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages { first_is_free: Cell::new(true) })));

static FIRST: First = First(UnsafeCell::new([0; FIRST_BYTES]));

#[repr(align(16))]
struct First(UnsafeCell<[u8; FIRST_BYTES]>);

struct Heap(UnsafeCell<Dlmalloc<Pages>>);

/// Where the allocator's memory comes from.
struct Pages {
    first_is_free: Cell<bool>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for First {}
// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

// SAFETY: every call goes to dlmalloc, which is an allocator; it calls nothing that would come back here.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises; nothing else holds the cell.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises; nothing else holds the cell.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises; nothing else holds the cell.
        unsafe { (*self.0.get()).free(block, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as the caller promises; nothing else holds the cell.
        unsafe { (*self.0.get()).realloc(block, layout.size(), layout.align(), new_size) }
    }
}

// SAFETY: the first block is handed out once, grown pages belong to nobody else, and all of them are zero.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= FIRST_BYTES && self.first_is_free.replace(false) {
            return (FIRST.0.get().cast(), FIRST_BYTES, 0);
        }
        let pages = size.div_ceil(PAGE);
        let before = memory_grow::<0>(pages);
        // The allocator adds to a block's end: it may not be the end of the address space.
        if before == usize::MAX || before + pages > usize::MAX / PAGE {
            return (ptr::null_mut(), 0, 0);
        }
        (ptr::without_provenance_mut(before * PAGE), pages * PAGE, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
