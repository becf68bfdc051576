package abi

import "unsafe"

const page = 64 * 1024

// While the host asks for memory, the component may not call it. Go's allocator may: it may begin to collect, and asks for the
// time then. So what the host writes into is no memory of the collector. It is taken from the end of the memory in the way
// that the runtime knows of; the build links with -checklinkname=0 for that.
//
//go:linkname sbrk runtime.sbrk
func sbrk(bytes uintptr) unsafe.Pointer

var (
	first [page]byte
	// arena is where the host writes now: what it wrote is copied when it is read, and overwritten by the answer to the
	// next call. Up to base it is the input of the attempt, which stays.
	arena struct{ start, end, used, base uint32 }
)

// Begin keeps what the host has written so far: the arguments of an export.
func Begin() { arena.base = arena.used }

// Reuse has the host write over what it answered before.
func Reuse() { arena.used = arena.base }

// cabiRealloc is what the host writes strings and lists into.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old, oldBytes, align, bytes uint32) uint32 {
	if arena.start == 0 {
		arena.start = uint32(uintptr(unsafe.Pointer(&first)))
		arena.end = arena.start + page
	}
	place := (arena.start + arena.used + align - 1) &^ (align - 1)
	if uint64(place)+uint64(bytes) > uint64(arena.end) {
		size := max(2*(arena.end-arena.start), (bytes+page)&^(page-1))
		start := uint32(uintptr(sbrk(uintptr(size))))
		if start == 0 {
			*(*uint32)(nil) = 0 // There is no more memory: traps.
		}
		arena.start, arena.end, arena.base, place = start, start+size, 0, start
	}
	arena.used = place + bytes - arena.start
	if old != 0 {
		copy(Place(place).bytes(bytes), Place(old).bytes(min(oldBytes, bytes)))
	}
	return place
}

var (
	// adapterMemory is one page for the state of the adapter that stands for WASI, one for its stack, and as much again.
	adapterMemory [4 * page]byte
	adapterUsed   uint32
)

// cabiReallocAdapter serves that adapter, for the first time before there is a heap. Without it the adapter would take memory
// from the end, which Go's heap takes for its own.
//
//go:wasmexport cabi_realloc_adapter
func cabiReallocAdapter(_, _, align, bytes uint32) uint32 {
	start := uint32(uintptr(unsafe.Pointer(&adapterMemory)))
	place := (start + adapterUsed + align - 1) &^ (align - 1)
	if place+bytes > start+uint32(len(adapterMemory)) {
		*(*uint32)(nil) = 0 // Traps: nothing else can be done this early.
	}
	adapterUsed = place + bytes - start
	return place
}
