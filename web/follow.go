package web

import "net/http"

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
