package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// follow sends the coming entries of the log, one a line, until the client
// goes away or the daemon stops.
func (a *api) follow(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "word")
	if err != nil {
		return err
	}
	entries, err := a.Follow(r.Context(), q["word"])
	if err != nil {
		return err
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", linesType)
	w.WriteHeader(http.StatusOK)
	// The client learns now that its words were understood, not at the first entry.
	if err := out.Flush(); err != nil {
		return err
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case e, ok := <-entries:
			if !ok {
				return nil
			}
			if err := sendLine(w, out, e); err != nil {
				return err
			}
		}
	}
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
