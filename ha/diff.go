package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowdiff"
	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// FlowTable is the kernel's table of flows; flowdiff.Kernel is the real one.
type FlowTable interface {
	flowdiff.Table
	// Locals says which addresses, as a conntrack.Tuple has them, are on devices of this machine now.
	Locals() (func(family uint8, a [16]byte) bool, error)
}

// flowsTime is how long one look at the flows of a node may take: a million are read in some seconds.
const flowsTime = 30 * time.Second

// FlowsDiff names what differs between the flows that both kernels share, limit of them at most.
func (n *Node) FlowsDiff(ctx context.Context, limit int) (view.FlowsDiff, error) {
	here, err := n.sharedFlows(ctx)
	if err != nil {
		return view.FlowsDiff{}, err
	}
	return flowdiff.Compare(ctx, here, peerFlows{n}, limit)
}

// sharedFlows are those of this node that are the pair's concern.
func (n *Node) sharedFlows(ctx context.Context) (flowdiff.Side, error) {
	if n.Table == nil {
		return nil, view.Statef("flow sync does not run here")
	}
	virtual, err := do(ctx, n, func(time.Time) (map[[16]byte]bool, error) {
		if n.settings == nil {
			return nil, view.ErrNotConfigured
		}
		all := make(map[[16]byte]bool)
		for _, g := range n.groups {
			for _, v := range g.settings.vips {
				all[conntrack.BytesOf(v.prefix.Addr())] = true
			}
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	placed, err := n.Table.Locals()
	if err != nil {
		return nil, err
	}
	local := func(family uint8, a [16]byte) bool { return virtual[a] || placed(family, a) }
	return flowdiff.Local{Table: n.Table, Shared: func(f *conntrack.Flow) bool { return flowsync.Shared(f, local) }}, nil
}

// answerFlows answers a question about flows.
func (n *Node) answerFlows(ctx context.Context, asked peer.Question) ([]byte, error) {
	var q flowdiff.Query
	if err := json.Unmarshal(asked.Body, &q); err != nil {
		return nil, fmt.Errorf("read question %s: %w", asked.Kind, err)
	}
	side, err := n.sharedFlows(ctx)
	if err != nil {
		return nil, err
	}
	if asked.Kind == askFlowDigests {
		d, err := side.Digests(ctx, q.Salt)
		if err != nil {
			return nil, err
		}
		return d.Append(nil), nil
	}
	p, err := side.Flows(ctx, q)
	if err != nil {
		return nil, err
	}
	return p.Append(nil), nil
}

// peerFlows are those of the other node, which is asked for them.
type peerFlows struct{ node *Node }

var _ flowdiff.Side = peerFlows{}

func (p peerFlows) Digests(ctx context.Context, salt uint64) (*flowdiff.Digests, error) {
	answer, err := p.ask(ctx, askFlowDigests, flowdiff.Query{Salt: salt})
	if err != nil {
		return nil, err
	}
	return flowdiff.ParseDigests(answer)
}

func (p peerFlows) Flows(ctx context.Context, q flowdiff.Query) (*flowdiff.Part, error) {
	answer, err := p.ask(ctx, askFlowBucket, q)
	if err != nil {
		return nil, err
	}
	return flowdiff.ParsePart(answer)
}

// ask asks the peer, and says in words of the pair why it does not answer.
func (p peerFlows) ask(ctx context.Context, kind string, q flowdiff.Query) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, flowsTime)
	defer cancel()
	answer, err := p.node.link.Ask(ctx, kind, body)
	var refused *peer.Refused
	switch {
	case errors.Is(err, peer.ErrNotConnected):
		return nil, view.Statef("the daemons of the pair have no connection: the peer cannot be asked for its flows")
	case errors.As(err, &refused) && strings.HasSuffix(refused.Text, unknownQuestion):
		return nil, view.Statef("the peer runs a version of rempart that cannot compare flows: install the same version on both nodes")
	case err != nil:
		return nil, fmt.Errorf("ask peer for its flows: %w", err)
	}
	return answer, nil
}
