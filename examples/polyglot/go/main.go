// Tells the sessions of people from robots, and from scanners, who ask for what is not there.
package main

import (
	"cmp"
	"slices"
	"strings"

	"stepcell"
)

const (
	// Who asks for nothing for so many seconds has gone.
	gap = 30 * 60
	// A client that asked for so many paths that are not there looks for holes.
	scanning = 5
)

// What programs call themselves that do not hide it.
var robots = []string{"bot", "crawl", "spider", "curl", "rss", "python"}

type hour struct {
	Requests []request `json:"requests"`
}

type request struct {
	At     int64  `json:"at"`
	Client string `json:"client"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Agent  string `json:"agent"`
}

type answer struct {
	Sessions int       `json:"sessions"`
	Median   int64     `json:"median_seconds"`
	Longest  int64     `json:"longest_seconds"`
	Robots   int       `json:"robot_requests"`
	Scanners []scanner `json:"scanners"`
}

type scanner struct {
	Client   string   `json:"client"`
	Requests int      `json:"requests"`
	First    int64    `json:"first"`
	Last     int64    `json:"last"`
	Missing  []string `json:"missing"`
}

type visitor struct{ client, agent string }

func sessions(_ stepcell.Context, in struct{ Parse []hour }) (answer, error) {
	var all []request
	for _, hour := range in.Parse {
		all = append(all, hour.Requests...)
	}
	slices.SortStableFunc(all, func(a, b request) int { return cmp.Compare(a.At, b.At) })
	out := answer{Scanners: findScanners(all)}
	people := map[visitor][]int64{}
	for _, r := range all {
		switch {
		case slices.ContainsFunc(out.Scanners, func(s scanner) bool { return s.Client == r.Client }):
		case isRobot(r.Agent):
			out.Robots++
		default:
			who := visitor{r.Client, r.Agent}
			people[who] = append(people[who], r.At)
		}
	}
	var lengths []int64
	for _, times := range people {
		lengths = append(lengths, lengthsOf(times)...)
	}
	slices.Sort(lengths)
	out.Sessions = len(lengths)
	if len(lengths) > 0 {
		out.Median, out.Longest = lengths[len(lengths)/2], lengths[len(lengths)-1]
	}
	return out, nil
}

// How long the sessions of one visitor were, of whose requests the times are given in order.
func lengthsOf(times []int64) (lengths []int64) {
	begin := times[0]
	for n := 1; n < len(times); n++ {
		if times[n]-times[n-1] > gap {
			lengths = append(lengths, times[n-1]-begin)
			begin = times[n]
		}
	}
	return append(lengths, times[len(times)-1]-begin)
}

// Those who asked for most paths that are not there first.
func findScanners(all []request) []scanner {
	byClient := map[string]*scanner{}
	for _, r := range all {
		s := byClient[r.Client]
		if s == nil {
			s = &scanner{Client: r.Client, First: r.At}
			byClient[r.Client] = s
		}
		s.Requests, s.Last = s.Requests+1, r.At
		if r.Status == 404 && !slices.Contains(s.Missing, r.Path) {
			s.Missing = append(s.Missing, r.Path)
		}
	}
	found := []scanner{}
	for _, s := range byClient {
		if len(s.Missing) >= scanning {
			found = append(found, *s)
		}
	}
	slices.SortFunc(found, func(a, b scanner) int {
		return cmp.Or(cmp.Compare(len(b.Missing), len(a.Missing)), cmp.Compare(a.Client, b.Client))
	})
	return found
}

func isRobot(agent string) bool {
	agent = strings.ToLower(agent)
	return slices.ContainsFunc(robots, func(word string) bool { return strings.Contains(agent, word) })
}

func init() { stepcell.Handle("sessions", sessions) }

func main() {}
