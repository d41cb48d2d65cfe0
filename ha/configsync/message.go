package configsync

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
)

// What the nodes ask each other.
const (
	askState   = "policy-state"   // the asker's state; the answer is the other's
	askFetch   = "policy-fetch"   // revisions, and what was learned
	askStage   = "policy-stage"   // to check a revision and hold it
	askSwitch  = "policy-switch"  // to make what is held run
	askKeep    = "policy-keep"    // what is pending
	askBack    = "policy-back"    // to drop what is held or pending
	askLearned = "policy-learned" // to adopt what was learned
	askCatchUp = "policy-catchup" // to have a round now
)

// protocol is the version of these messages, and oldest the one from which on this node understands them: nodes
// one version apart work together. Fields that a node does not know are skipped, so it rises only when a
// message changes its meaning.
const (
	protocol = 1
	oldest   = 1
)

// state is what a node says of itself.
type state struct {
	Protocol int           `json:"protocol"`
	Oldest   int           `json:"oldest"`
	Version  string        `json:"version"`
	Node     string        `json:"node"`
	Current  view.Revision `json:"current"`
	// Secrets tells revisions with other secrets apart whose texts are equal.
	Secrets string `json:"secrets,omitempty"`
	// Line is the current revision and its ancestors, newest first.
	Line    []string `json:"line,omitempty"`
	Held    string   `json:"held,omitempty"`
	Pending string   `json:"pending,omitempty"`
	Ruleset string   `json:"ruleset,omitempty"`
	Learned string   `json:"learned,omitempty"`
	// Refused is the revision of the peer that this node could not take, and Why.
	Refused string `json:"refused,omitempty"`
	Why     string `json:"why,omitempty"`
}

// fits says whether both nodes understand one version of the messages.
func (s *state) fits() bool { return s.Oldest <= protocol && oldest <= s.Protocol }

// stageHead stands before a bundle in askStage.
type stageHead struct {
	Protocol int `json:"protocol"`
	// Try asks whether it would be taken, and holds nothing.
	Try bool `json:"try,omitempty"`
}

// step is the body of askSwitch, askKeep and askBack.
type step struct {
	ID   string        `json:"id"`
	Hold time.Duration `json:"hold_ns,omitempty"`
}

// reply is the answer to all but askState and askFetch.
type reply struct {
	Refusal  *Refusal `json:"refusal,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// fetch is the body of askFetch: whoever has Have gets what leads to Head, and with Learned what was learned.
type fetch struct {
	Head    string   `json:"head"`
	Have    []string `json:"have"`
	Learned bool     `json:"learned,omitempty"`
}

// bundle is revisions, the oldest first, and what was learned.
type bundle struct {
	revisions []config.Revision
	learned   []byte
}

const (
	// mostRevisions bounds the revisions of a bundle. A history that is longer goes over in several.
	mostRevisions = 4096
	// roomyBundle is how large a bundle may be until no further revision is added.
	roomyBundle = 16 << 20
)

// What may be wrong with a message.
var (
	errShort    = errors.New("the message ends too early")
	errMany     = errors.New("the message has too many revisions")
	errTrailing = errors.New("the message goes on behind its end")
)

// appendPart adds a part with its length.
func appendPart(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	return append(b, part...)
}

// cutPart is the first part of b, and what follows it.
func cutPart(b []byte) (part, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, errShort
	}
	return b[4 : 4+n : 4+n], b[4+n:], nil
}

// appendBundle adds the count of revisions, each with its length, and what was learned with its own.
func appendBundle(b []byte, u bundle) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(u.revisions)))
	for i := range u.revisions {
		b = appendPart(b, config.AppendShared(nil, u.revisions[i]))
	}
	return appendPart(b, u.learned)
}

// parseBundle reads what appendBundle wrote. Each revision is what its ID says.
func parseBundle(b []byte) (bundle, error) {
	if len(b) < 4 {
		return bundle{}, errShort
	}
	n := binary.BigEndian.Uint32(b)
	if n > mostRevisions {
		return bundle{}, errMany
	}
	b = b[4:]
	var u bundle
	for range n {
		part, rest, err := cutPart(b)
		if err != nil {
			return bundle{}, err
		}
		r, err := config.ParseShared(part)
		if err != nil {
			return bundle{}, fmt.Errorf("read revision: %w", err)
		}
		u.revisions, b = append(u.revisions, r), rest
	}
	learned, rest, err := cutPart(b)
	switch {
	case err != nil:
		return bundle{}, err
	case len(rest) > 0:
		return bundle{}, errTrailing
	case len(learned) > 0:
		u.learned = learned
	}
	return u, nil
}

// marshal is v in JSON. What this package sends always marshals.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("configsync: " + err.Error())
	}
	return text
}

// appendJSON adds v with its length.
func appendJSON(b []byte, v any) []byte { return appendPart(b, marshal(v)) }

// parseJSON reads one value and nothing else. Unknown fields are of a later version.
func parseJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// viewOf is a revision as it is shown.
func viewOf(r config.Revision) view.Revision {
	return view.Revision{
		ID: r.ID, Number: r.Number, Hash: r.Hash, Parents: r.Parents, Author: r.Author, Origin: r.Origin, Time: r.Time, Message: r.Message,
	}
}
