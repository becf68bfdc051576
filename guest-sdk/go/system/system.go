// Package system has the host's time and chance. time.Now and crypto/rand are coarser and capped.
package system

import (
	"time"

	"stepcell/internal/host"
)

// Now is the time, in whole milliseconds.
func Now() time.Time { return time.UnixMilli(int64(host.NowMs())) }

const most = 4096

// Random fills the slice with random bytes.
func Random(into []byte) {
	for len(into) > 0 {
		into = into[copy(into, host.RandomBytes(uint32(min(len(into), most)))):]
	}
}
