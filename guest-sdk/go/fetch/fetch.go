// Package fetch sends requests over HTTP, to hosts that the step is granted: grants = { fetch = ["api.example.com"] }.
//
//	response, err := fetch.Get("https://api.example.com/prices/7")
//	if err != nil {
//		return 0, err
//	}
//	var price struct{ Cents uint64 }
//	if err := response.JSON(&price); err != nil {
//		return 0, err
//	}
//
// An attempt sends at most 50 requests, one after the other, of at most 4 MiB each way, and never longer than it may take
// itself. Redirects are answers. Package net/http cannot connect: it has no sockets.
package fetch

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"stepcell"
	"stepcell/internal/abi"
	"stepcell/internal/host"
)

// Header is a name and a value, which may have placeholders of package secrets.
type Header struct{ Name, Value string }

// Request is what to send.
type Request struct {
	Method  string // empty: GET
	URL     string
	Headers []Header
	Body    []byte        // nil: none
	Timeout time.Duration // 0: what is left of the attempt
}

// Response is what came back.
type Response struct {
	Status  int
	Headers []Header // in the order they came, names in lower case
	Body    []byte
}

// Get sends a GET; a status that is none of success is an error.
func Get(url string) (*Response, error) {
	response, err := Request{URL: url}.Send()
	if err != nil {
		return nil, err
	}
	return response.OK()
}

// PostJSON sends a value as JSON; a status that is none of success is an error.
func PostJSON(url string, value any) (*Response, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	response, err := Request{"POST", url, []Header{{"content-type", "application/json"}}, body, 0}.Send()
	if err != nil {
		return nil, err
	}
	return response.OK()
}

// Send sends it and waits for the whole answer, whatever its status.
func (r Request) Send() (*Response, error) {
	const size = 16
	headers := abi.New(size * len(r.Headers))
	for n, header := range r.Headers {
		headers.PutText(uint32(size*n), header.Name)
		headers.PutText(uint32(size*n+8), header.Value)
	}
	method := r.Method
	if method == "" {
		method = "GET"
	}
	answer := host.Send(method, r.URL, headers, len(r.Headers), r.Body, uint64(r.Timeout.Milliseconds()))
	const payload = 8
	if answer.U8(0) != 0 {
		return nil, refused(answer + payload)
	}
	list, count := answer.List(payload + 4)
	response := &Response{Status: int(answer.U16(payload)), Headers: make([]Header, count), Body: answer.Bytes(payload + 12)}
	for n := range response.Headers {
		response.Headers[n] = Header{list.Text(uint32(size * n)), list.Text(uint32(size*n + 8))}
	}
	return response, nil
}

// Header is the value of a header, the first where there are several; empty where there is none.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// OK is the answer, where its status is one of success. Else an error of the dependency, which is tried again after 500 and
// above, 408, 425 and 429, when `retry-after` says so.
func (r *Response) OK() (*Response, error) {
	if r.Status >= 200 && r.Status < 300 {
		return r, nil
	}
	err := stepcell.Dependency("the other side answered %d", r.Status)
	if r.Status < 500 && r.Status != 408 && r.Status != 425 && r.Status != 429 {
		return nil, err.Retry(false)
	}
	if seconds, bad := strconv.ParseUint(strings.TrimSpace(r.Header("retry-after")), 10, 32); bad == nil {
		return nil, err.RetryAfter(time.Duration(seconds) * time.Second)
	}
	return nil, err
}

// JSON reads the body.
func (r *Response) JSON(into any) error {
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return stepcell.Execution("the answer does not fit: %w", err)
	}
	return nil
}
