// Package abi reads and writes what crosses the line between a component and its host, in the layout of the canonical ABI.
package abi

import (
	"strings"
	"unsafe"
)

// Place is an address in the component's memory.
type Place uint32

// kept is all that a call or a result points to: the collector cannot see addresses in numbers. An attempt is a fresh
// instance, so that nothing needs to be let go.
var kept [][]byte

// New is zeroed memory of so many bytes that stays. It is aligned to 8, as the longest of what crosses the line needs, even
// when it is empty.
func New(bytes int) Place {
	const word = 8
	words := make([]uint64, max((bytes+word-1)/word, 1))
	memory := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), word*len(words))
	kept = append(kept, memory)
	return at(unsafe.SliceData(memory))
}

func at(memory *byte) Place {
	return Place(uintptr(unsafe.Pointer(memory)))
}

func (p Place) pointer(offset uint32) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), uintptr(p)+uintptr(offset))
}

func (p Place) bytes(length uint32) []byte {
	return unsafe.Slice((*byte)(p.pointer(0)), length)
}

// Pointer is the place as an argument of an import.
func (p Place) Pointer() unsafe.Pointer { return p.pointer(0) }

// U8 is the byte at an offset.
func (p Place) U8(offset uint32) uint8 { return *(*uint8)(p.pointer(offset)) }

// U16 is the number at an offset.
func (p Place) U16(offset uint32) uint16 { return *(*uint16)(p.pointer(offset)) }

// U32 is the number at an offset.
func (p Place) U32(offset uint32) uint32 { return *(*uint32)(p.pointer(offset)) }

// U64 is the number at an offset.
func (p Place) U64(offset uint32) uint64 { return *(*uint64)(p.pointer(offset)) }

// List is where the elements of a list are, and how many.
func (p Place) List(offset uint32) (Place, uint32) { return Place(p.U32(offset)), p.U32(offset + 4) }

// Text is a copy of a string.
func (p Place) Text(offset uint32) string { return strings.Clone(TextAt(p.List(offset))) }

// Bytes is a copy of a list of bytes; never nil.
func (p Place) Bytes(offset uint32) []byte {
	data, length := p.List(offset)
	copied := make([]byte, length)
	copy(copied, data.bytes(length))
	return copied
}

// MaybeText is an optional string.
func (p Place) MaybeText(offset uint32) (string, bool) {
	if p.U8(offset) == 0 {
		return "", false
	}
	return p.Text(offset + 4), true
}

// TextAt is the string at a place, not copied: for arguments of an export, which stay.
func TextAt(data Place, length uint32) string {
	if length == 0 {
		return ""
	}
	return unsafe.String((*byte)(data.pointer(0)), length)
}

// PutU8 writes a byte.
func (p Place) PutU8(offset uint32, value uint8) { *(*uint8)(p.pointer(offset)) = value }

// PutU32 writes a number.
func (p Place) PutU32(offset uint32, value uint32) { *(*uint32)(p.pointer(offset)) = value }

// PutU64 writes a number.
func (p Place) PutU64(offset uint32, value uint64) { *(*uint64)(p.pointer(offset)) = value }

// PutList writes where elements are.
func (p Place) PutList(offset uint32, data Place, length int) {
	p.PutU32(offset, uint32(data))
	p.PutU32(offset+4, uint32(length))
}

// PutText writes a string.
func (p Place) PutText(offset uint32, text string) {
	memory := []byte(text)
	kept = append(kept, memory)
	p.PutList(offset, at(unsafe.SliceData(memory)), len(memory))
}

// PutMaybeText writes an optional string.
func (p Place) PutMaybeText(offset uint32, text *string) {
	if text != nil {
		p.PutU8(offset, 1)
		p.PutText(offset+4, *text)
	}
}

// PutMaybeU64 writes an optional number.
func (p Place) PutMaybeU64(offset uint32, number *uint64) {
	if number != nil {
		p.PutU8(offset, 1)
		p.PutU64(offset+8, *number)
	}
}
