package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/peer"
)

// Policy is who keeps the policies of both nodes the same. Its methods may be called from any goroutine.
type Policy interface {
	// Answer answers a question of the peer about the policy or the pairing, for as long as ctx lasts. Its error
	// becomes a *peer.Refused there.
	Answer(ctx context.Context, kind string, body []byte) ([]byte, error)
	// Linked says that the connection of the daemons stands, or that it has ended. It must not block.
	Linked(up bool)
}

// ofPolicy says whether a question is for who keeps the policies the same.
func ofPolicy(kind string) bool {
	return strings.HasPrefix(kind, "policy-") || strings.HasPrefix(kind, "pairing-")
}

// answerPolicy has such a question answered.
func (n *Node) answerPolicy(ctx context.Context, asked peer.Question) ([]byte, error) {
	if n.Policy == nil {
		return nil, fmt.Errorf("question %q%s", asked.Kind, unknownQuestion)
	}
	if !asked.Paired { // who has but the password is not to end a pairing that was made just now, nor to read a policy
		return nil, errors.New("the nodes are not paired")
	}
	return n.Policy.Answer(ctx, asked.Kind, asked.Body)
}

// AskPeer asks the peer a question and waits for the answer as long as ctx lasts. Its error is
// peer.ErrNotConnected, a *peer.Refused with the peer's words, or that of ctx, each of them in company.
func (n *Node) AskPeer(ctx context.Context, kind string, body []byte) ([]byte, error) {
	return n.link.Ask(ctx, kind, body)
}

// reasonBehind is why a node does not take the role from one that runs a newer policy.
const reasonBehind = "policy behind"

// Behind says whether this node lacks the policy that the other one runs. While it does, it does not take the role from
// it; one that has the role keeps it.
func (n *Node) Behind(behind bool) {
	n.tell(func(now time.Time) {
		switch {
		case n.settings == nil:
		case behind && !n.holdsAny():
			n.demote(now, reasonBehind, weightSync, true, "the policy of the other node runs here", "")
		case n.demotions.has(reasonBehind):
			n.demotions.drop(reasonBehind)
			n.demoted(now)
		}
	})
}

// care is an order of maintenance for the peer.
type care struct {
	On bool   `json:"on"`
	By string `json:"by"`
}

// PeerMaintenance orders the peer to leave the role to this node, or not any more, as Maintenance does here. The
// errors are those of AskPeer.
func (n *Node) PeerMaintenance(ctx context.Context, on bool, by string) error {
	_, err := askPeer[struct{}](ctx, n, askCare, care{on, by})
	return err
}

// answerMaintenance obeys an order of the peer.
func (n *Node) answerMaintenance(ctx context.Context, body []byte) ([]byte, error) {
	var c care
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("read order of maintenance: %w", err)
	}
	_, err := n.Maintenance(ctx, c.On, c.By)
	return reply(struct{}{}, err)
}
