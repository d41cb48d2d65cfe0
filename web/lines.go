package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// readQuestion reads the body of a request that is answered line by line.
func readQuestion(w http.ResponseWriter, r *http.Request, into any) error {
	if _, err := query(r); err != nil {
		return err
	}
	body, err := readBody(w, r, maxSmallBody)
	if err != nil {
		return err
	}
	return decodeBody(body, into)
}

// lines is an answer of one JSON value a line.
type lines struct {
	w     http.ResponseWriter
	begun bool
}

// send sends a line. Until the first one it may still turn out that the question is wrong.
func (l *lines) send(line any) error {
	l.begun = true
	l.w.Header().Set("Content-Type", linesType)
	return sendLine(l.w, http.NewResponseController(l.w), line)
}

// end sends the last line, or why there is none. What failed before the first line is an
// answer of its own.
func (l *lines) end(last any, err error, failed func(*Failure) any) error {
	switch {
	case err == nil:
		return l.send(last)
	case !l.begun:
		return err
	}
	return l.send(failed(failureOf(err)))
}

// sendLine gives a client that does not read some time and no more.
func sendLine(w http.ResponseWriter, out *http.ResponseController, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	if err := within(out.SetWriteDeadline, followTime); err != nil {
		return err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	return out.Flush()
}

// stream sends a body as JSON and hears the lines that come back, until one is the last or cannot be taken.
func stream[T any](ctx context.Context, c *Client, path string, body any, take func(T) (done bool, err error)) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	answer, err := c.send(ctx, http.MethodPost, path, nil, b)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for lines := json.NewDecoder(answer.Body); ; {
		var line T
		if err := lines.Decode(&line); err != nil {
			return c.broken(ctx, err)
		}
		if done, err := take(line); err != nil || done {
			return err
		}
	}
}
