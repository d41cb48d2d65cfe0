package firewall

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/rempart/rempart/config"
)

// Journal is written before the kernel is touched and removed after the
// revision is kept, so that whoever starts next knows what was under way.
//
// As long as there is one, the current revision is what ran before. A journal
// with a deadline waits for a confirm; one without was to be kept at once.
type Journal struct {
	Candidate config.Revision `json:"candidate"`
	// Foreign says that the other node of a pair made the candidate.
	Foreign bool `json:"foreign,omitempty"`
	// Deadline is until when the candidate may be confirmed. Zero: no confirm is asked.
	Deadline time.Time `json:"deadline,omitzero"`
	// Hold is how long that was from the apply; zero: an earlier version wrote it.
	Hold time.Duration `json:"hold_ns,omitempty"`
	// Boot is the kernel's boot id: an apply does not outlive the boot it was made in.
	Boot string `json:"boot"`
}

// Fate is what becomes of a journal that a new daemon finds.
type Fate int

// The fates.
const (
	// FateForget: the current revision runs, the candidate is dropped.
	FateForget Fate = iota + 1
	// FateResume: the candidate runs, and its deadline still holds.
	FateResume
)

// Fate decides by the boot and the time. A candidate is resumed only in the
// boot in which it was applied, before its deadline: a machine that had to be
// switched off because of it comes up without it.
func (j Journal) Fate(boot string, now time.Time) Fate {
	if j.Deadline.IsZero() || j.Boot != boot || !now.Before(j.Deadline) {
		return FateForget
	}
	return FateResume
}

// remains is how long the candidate may still wait for its confirm: no longer than it might from the apply,
// should somebody have set the clock back since.
func (j Journal) remains(now time.Time) time.Duration {
	left := j.Deadline.Sub(now)
	if j.Hold > 0 {
		left = min(left, j.Hold)
	}
	return left
}

// ParseJournal reads what Journal.Bytes wrote. A file that was cut is an error.
func ParseJournal(b []byte) (Journal, error) {
	var j Journal
	if err := json.Unmarshal(b, &j); err != nil {
		return Journal{}, fmt.Errorf("parse journal: %w", err)
	}
	if len(j.Candidate.Policy) == 0 || j.Boot == "" {
		return Journal{}, fmt.Errorf("parse journal: it names no candidate")
	}
	return j, nil
}

// Bytes is the journal as it stands in its file.
func (j Journal) Bytes() []byte {
	b, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		panic("firewall: journal: " + err.Error()) // strings, bytes and times always marshal
	}
	return append(b, '\n')
}
