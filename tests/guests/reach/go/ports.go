package main

import (
	"errors"
	"time"

	"stepcell"
	"stepcell/fetch"
	"stepcell/keyvalue"
	"stepcell/secrets"
)

type request struct {
	URL    string    `json:"url"`
	Method string    `json:"method"`
	Header [2]string `json:"header"`
	Body   *string   `json:"body"`
	Most   int64     `json:"timeout_ms"`
}

func fetches(_ stepcell.Context, in request) (any, error) {
	sent := fetch.Request{Method: in.Method, URL: in.URL, Headers: []fetch.Header{{Name: in.Header[0], Value: in.Header[1]}}}
	sent.Timeout = time.Duration(in.Most) * time.Millisecond
	if in.Body != nil {
		sent.Body = []byte(*in.Body)
	}
	answer, err := sent.Send()
	if err != nil {
		return nil, stepcell.Dependency("%s", err)
	}
	said := map[string]any{"status": answer.Status, "type": nil, "body": string(answer.Body)}
	if kind := answer.Header("content-type"); kind != "" {
		said["type"] = kind
	}
	return said, nil
}

func reveals(_ stepcell.Context, in struct{ URL, Secret string }) (any, error) {
	placeholder, err := secrets.Placeholder(in.Secret)
	if err != nil {
		return nil, err
	}
	headers := []fetch.Header{{Name: "authorization", Value: "Bearer " + placeholder}}
	answer, err := fetch.Request{URL: in.URL, Headers: headers}.Send()
	if err != nil {
		return nil, err
	}
	return map[string]any{"status": answer.Status, "names": secrets.Names()}, nil
}

type kept struct {
	Before  *string  `json:"before"`
	Swapped []bool   `json:"swapped"`
	Value   *string  `json:"value"`
	Keys    []string `json:"keys"`
	Deleted bool     `json:"deleted"`
	After   *string  `json:"after"`
}

func keeps(_ stepcell.Context, in struct{ Key string }) (kept kept, err error) {
	if kept.Before, err = text(in.Key); err != nil {
		return
	}
	if err = keyvalue.SetBytes(in.Key, []byte("one")); err != nil {
		return
	}
	for _, value := range []string{"two", "three"} {
		done, err := keyvalue.CompareAndSet(in.Key, []byte("one"), []byte(value))
		if err != nil {
			return kept, err
		}
		kept.Swapped = append(kept.Swapped, done)
	}
	if kept.Value, err = text(in.Key); err != nil {
		return
	}
	if kept.Keys, err = keyvalue.List(in.Key, "", 1000); err != nil {
		return
	}
	if kept.Deleted, err = keyvalue.Delete(in.Key); err != nil {
		return
	}
	kept.After, err = text(in.Key)
	return
}

func exceeds(_ stepcell.Context, in struct{ URL string }) (any, error) {
	value := keyvalue.SetBytes("much", make([]byte, 256*1024+1))
	if value == nil {
		return nil, errors.New("the value was kept")
	}
	for {
		if _, request := (fetch.Request{URL: in.URL}).Send(); request != nil {
			return map[string]string{"value": value.Error(), "request": request.Error()}, nil
		}
	}
}

// text is the value of a key; nil where it has none.
func text(key string) (*string, error) {
	value, err := keyvalue.GetBytes(key)
	if value == nil || err != nil {
		return nil, err
	}
	found := string(value)
	return &found, nil
}
