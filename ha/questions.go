package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rempart/rempart/ha/peer"
)

// What the daemons ask each other over their link.
const (
	askFacts     = "facts"
	askCare      = "maintenance" // to leave the role to this node, or not any more
	askListen    = "listen"      // to test frames of an id
	askSpeak     = "speak"       // test frames of an id
	askHeard     = "heard"       // which test frames came
	askDrill     = "drill"       // to collect answers of an id
	askDrillDone = "drill-done"  // for what was collected

	askFlowDigests = "flow-digests" // of all buckets
	askFlowBucket  = "flow-bucket"  // for the flows of some
)

// about is the body of most questions.
type about struct {
	ID uint16 `json:"id"`
}

// facts are what a doctor compares.
type facts struct {
	Clock     time.Time         `json:"clock"`
	Limits    map[string]string `json:"limits"`
	MTU       map[string]int    `json:"mtu"`       // by link
	Announced map[string]string `json:"announced"` // the hardware address that last spoke for a virtual address
	Revision  string            `json:"revision"`
	Master    []string          `json:"master"` // groups that it is master of
}

// answer answers a question of the peer. It runs beside the loop.
func (n *Node) answer(ctx context.Context, asked peer.Question) ([]byte, error) {
	if asked.Kind == askLists {
		return n.takeLists(ctx, asked.Body) // no text
	}
	if ofPolicy(asked.Kind) {
		return n.answerPolicy(ctx, asked)
	}
	var q about
	if len(asked.Body) > 0 {
		if err := json.Unmarshal(asked.Body, &q); err != nil {
			return nil, fmt.Errorf("read question %s: %w", asked.Kind, err)
		}
	}
	switch asked.Kind {
	case askFacts:
		f, err := do(ctx, n, func(now time.Time) (facts, error) { return n.ownFacts(now), nil })
		return reply(f, err)
	case askCare:
		return n.answerMaintenance(ctx, asked.Body)
	case askListen:
		n.tests.begin(q.ID)
		return reply(struct{}{}, nil)
	case askSpeak:
		_, err := do(ctx, n, func(time.Time) (struct{}, error) { n.speakTests(q.ID); return struct{}{}, nil })
		return reply(struct{}{}, err)
	case askHeard:
		return reply(n.tests.end(), nil)
	case askDrill:
		if !n.drill.begin(time.Now(), q.ID) {
			return nil, errors.New("another drill is under way")
		}
		return reply(struct{}{}, nil)
	case askFlowDigests, askFlowBucket:
		return n.answerFlows(ctx, asked)
	case askDrillDone:
		return reply(n.drill.collected(q.ID), nil)
	}
	return nil, fmt.Errorf("question %q%s", asked.Kind, unknownQuestion)
}

// unknownQuestion ends the refusal of a question that came with a later version. Peers look for it.
const unknownQuestion = " is not known to this version"

func reply(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// askPeer asks the peer one question.
func askPeer[T any](ctx context.Context, n *Node, kind string, q any) (T, error) {
	var out T
	body, err := json.Marshal(q)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := n.link.Ask(ctx, kind, body)
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil {
		return out, fmt.Errorf("ask peer for %s: %w", kind, err)
	}
	return out, nil
}

// askTime is how long an answer of the peer may take.
const askTime = 3 * time.Second

// ownFacts are those of this node.
func (n *Node) ownFacts(now time.Time) facts {
	f := facts{Clock: now.Round(0), Limits: n.Limits(), MTU: map[string]int{}, Announced: map[string]string{}, Revision: n.Hash()}
	for _, p := range n.ports {
		f.MTU[p.name] = p.device.MTU
	}
	for _, g := range n.groups {
		for a, by := range g.spoke {
			f.Announced[a.String()] = by.String()
		}
		if g.machine.State().Holds() {
			f.Master = append(f.Master, g.settings.name)
		}
	}
	return f
}
