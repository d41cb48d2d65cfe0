package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Limits of what is read and of how long reading and writing may take.
const (
	maxPolicy    = 16 << 20               // bytes of rempart.toml and node.toml together
	maxDraftBody = maxPolicy/3*4 + 64<<10 // the same in base64, and what is around it
	maxSmallBody = 64 << 10               // every other body

	readTime   = 30 * time.Second // for a body
	writeTime  = 30 * time.Second // for an answer that is ready
	followTime = 10 * time.Second // for one line of many
)

// The types of what is sent.
const (
	jsonType  = "application/json"
	linesType = "application/x-ndjson" // one JSON value a line
	textType  = "text/plain; charset=utf-8"
)

// value serves what ask answers as JSON; the request has nothing to say.
func value[T any](ask func(context.Context) (T, error)) serve {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := query(r); err != nil {
			return err
		}
		v, err := ask(r.Context())
		return answer(w, v, err)
	}
}

// items is value for a list.
func items[T any](ask func(context.Context) ([]T, error)) serve {
	return value(func(ctx context.Context) ([]T, error) {
		list, err := ask(ctx)
		return orEmpty(list), err
	})
}

// submit serves what do answers to a body of at most limit bytes.
func submit[Q, T any](limit int64, do func(*http.Request, Q) (T, error)) serve {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := query(r); err != nil {
			return err
		}
		body, err := readBody(w, r, limit)
		if err != nil {
			return err
		}
		var q Q
		if err := decodeBody(body, &q); err != nil {
			return err
		}
		v, err := do(r, q)
		return answer(w, v, err)
	}
}

// answer sends v as JSON, or passes err on.
func answer(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, v)
}

func sendJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return send(w, status, jsonType, append(body, '\n'))
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) error {
	if err := within(http.NewResponseController(w).SetWriteDeadline, writeTime); err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// within sets a deadline on connections that know deadlines.
func within(set func(time.Time) error, d time.Duration) error {
	if err := set(time.Now().Add(d)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// orEmpty is list, or an empty list that JSON does not write as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	conn := http.NewResponseController(w)
	if err := within(conn.SetReadDeadline, readTime); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &transportError{http.StatusRequestEntityTooLarge, fmt.Sprintf("request body: larger than %d bytes", limit)}
	}
	if err != nil {
		return nil, badRequest("request body: %v", err)
	}
	// From here on the connection is only watched for its end, without a limit.
	if err := conn.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return body, nil
}

// decodeBody reads one JSON object. Fields that it should not have are refused:
// they are spelling mistakes, or the wishes of a client that is newer than we are.
func decodeBody(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return badRequest("request body: want a JSON object")
	}
	if err := d.Decode(into); err != nil {
		return badRequest("request body: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("request body: more than one JSON value")
	}
	return nil
}

// query reads the parameters of a request and refuses those that are not allowed.
func query(r *http.Request, allowed ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query: %v", err)
	}
	for name := range q {
		if !slices.Contains(allowed, name) {
			return nil, badRequest("query: unknown parameter %q", name)
		}
	}
	return q, nil
}

// badRequest is a request that is wrong in itself.
func badRequest(format string, args ...any) error {
	return &transportError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}
