package stepcell

import "encoding/json"

const mebibyte = 1024 * 1024

// needs is what an attempt may use where its step does not say: the runtime of Go takes more than the host gives by itself.
var needs = limits{MemoryBytes: 128 * mebibyte}

type limits struct {
	MemoryBytes uint64 `json:"memory_bytes"`
}

var flows []string

// Flow has the component carry a flow, which is registered when the component is uploaded: what flow.toml would say, as JSON.
// A step that names no component calls this one. Call it in a func init:
//
//	//go:embed flow.json
//	var manifest string
//
//	func init() { stepcell.Flow(manifest) }
//
// The upload is refused, and says why, where this is not JSON or not a flow, or where it is called twice: a component carries
// one flow.
func Flow(manifest string) {
	flows = append(flows, manifest)
}

// carried is the flow as a member of the description. What is wrong with it is there as a text, which the upload refuses; a panic
// it would only make a note of.
func carried() any {
	if len(flows) == 0 {
		return nil
	}
	if len(flows) > 1 {
		return "stepcell.Flow is called twice"
	}
	var text json.RawMessage
	if err := json.Unmarshal([]byte(flows[0]), &text); err != nil {
		return "stepcell.Flow got no JSON: " + err.Error()
	}
	return text
}
