package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rempart/rempart/ha/lists"
	"github.com/rempart/rempart/ha/peer"
)

// Lists are the lists that packets fill while the policy runs.
type Lists interface {
	// Read reads all of them.
	Read(ctx context.Context) ([]lists.List, error)
	// Merge does what a master says, with lists that this policy knows by the same type; others are
	// left out. It does as much as it can, whatever its error.
	Merge(ctx context.Context, changes []lists.Change) error
}

// askLists has the peer merge lists. The body is a message of package lists, and the answer a merged.
const askLists = "lists"

// mergeTime is how long the peer may take for it: it waits until no policy is being applied.
const mergeTime = 10 * time.Second

// merged is what became of lists.
type merged struct {
	Fault string `json:"fault"` // empty: all is well
}

// carryLists keeps the lists of the peer like those of this node while this one is master.
func (n *Node) carryLists(ctx context.Context) error {
	if n.Lists == nil {
		return nil
	}
	p := lists.NewPusher(lists.Options{Read: n.Lists.Read, Send: n.sendLists, Active: n.givesLists, Log: n.log.Named("lists")})
	return p.Run(ctx)
}

// givesLists says whether this node is master of a group, and has a peer.
func (n *Node) givesLists(ctx context.Context) bool {
	yes, err := do(ctx, n, func(time.Time) (bool, error) { return n.peer.connected && n.speaksFlows(), nil })
	return yes && err == nil
}

// sendLists has the peer merge a message.
func (n *Node) sendLists(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, mergeTime)
	defer cancel()
	answer, err := n.link.Ask(ctx, askLists, message)
	if refused := (*peer.Refused)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", lists.ErrRefused, err)
	}
	if err != nil {
		return err
	}
	var m merged
	if err := json.Unmarshal(answer, &m); err != nil {
		return fmt.Errorf("read answer about lists: %w", err)
	}
	if m.Fault != "" {
		return errors.New("the peer merges lists: " + m.Fault)
	}
	return nil
}

// takeLists merges what the peer says of its lists.
//
// While this node is master itself, of another group or since a moment ago, its own packets fill the
// lists as well. Then nothing goes for the reason alone that the peer does not have it.
func (n *Node) takeLists(ctx context.Context, message []byte) ([]byte, error) {
	if n.Lists == nil {
		return nil, errors.New("this node has no lists")
	}
	changes, err := lists.Decode(message)
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	master, err := do(ctx, n, func(time.Time) (bool, error) { return n.speaksFlows(), nil })
	if err != nil {
		return nil, err
	}
	if master {
		for i := range changes {
			changes[i].Whole = nil
		}
	}
	var m merged
	if err := n.Lists.Merge(ctx, changes); err != nil {
		m.Fault = err.Error()
		n.log.Debug("lists of the peer could not be merged", "cause", err)
	}
	return reply(m, nil)
}
