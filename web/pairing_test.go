package web

import (
	"context"
	"errors"
	"net/netip"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// pairingQuestions leave out who asks: the daemon sees for itself (TestPairingsAreOfWhoAsks).
func pairingQuestions() []question {
	join := view.Join{Code: "4829-6135", Address: netip.MustParseAddr("fe80::1%eth3")}
	texts := view.Resolution{Policy: []byte("schema = 1\n\x00\xff"), Message: "both", Confirm: 60, Force: true, Expect: [2]string{"a", "b"}}
	forget := func(p view.Pairing, err error) (any, error) {
		p.Node = ""
		return p, err
	}
	carried := func(c view.Carried, err error) (any, error) {
		c.File = ""
		return c, err
	}
	applied := func(a report.Applied, err error) (any, error) {
		a.Warnings = nil
		return a, err
	}
	return []question{
		{"Invite", func(ctx context.Context, b backends) (any, error) {
			var told []view.Invitation
			p, err := b.Invite(ctx, "", func(i view.Invitation) error {
				told = append(told, i)
				return nil
			})
			p.Node = ""
			return []any{told, p}, err
		}},
		{"Join", func(ctx context.Context, b backends) (any, error) { return forget(b.Join(ctx, join, "")) }},
		{"Pairing", func(ctx context.Context, b backends) (any, error) { return b.Pairing(ctx) }},
		{"Unpair", func(ctx context.Context, b backends) (any, error) { return forget(b.Unpair(ctx, true, "")) }},
		{"RotateKeys", func(ctx context.Context, b backends) (any, error) { return forget(b.RotateKeys(ctx, "")) }},
		{"PolicyDiff", func(ctx context.Context, b backends) (any, error) { return b.PolicyDiff(ctx) }},
		{"Resolve", func(ctx context.Context, b backends) (any, error) {
			return applied(b.Resolve(ctx, view.Resolution{Take: "theirs"}, report.Caller{}))
		}},
		{"Resolve by a text", func(ctx context.Context, b backends) (any, error) {
			return applied(b.Resolve(ctx, texts, report.Caller{}))
		}},
		{"Pull", func(ctx context.Context, b backends) (any, error) { return carried(b.Pull(ctx, report.Caller{})) }},
		{"Push", func(ctx context.Context, b backends) (any, error) { return carried(b.Push(ctx, report.Caller{})) }},
	}
}

func TestPairingsAreOfWhoAsks(t *testing.T) {
	client := Dial(serving(t, new(fake)))
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	other := report.Caller{Name: "somebody else"}
	invited, err1 := client.Invite(t.Context(), other.Name, func(view.Invitation) error { return nil })
	joined, err2 := client.Join(t.Context(), view.Join{Code: "1", Address: netip.MustParseAddr("172.16.0.1")}, other.Name)
	unpaired, err3 := client.Unpair(t.Context(), false, other.Name)
	rotated, err4 := client.RotateKeys(t.Context(), other.Name)
	resolved, err5 := client.Resolve(t.Context(), view.Resolution{Take: "ours"}, other)
	pulled, err6 := client.Pull(t.Context(), other)
	pushed, err7 := client.Push(t.Context(), other)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	got := []string{invited.Node, joined.Node, unpaired.Node, rotated.Node, resolved.Warnings[0], pulled.File, pushed.File}
	if diff := cmp.Diff(strings.Split(strings.Repeat(me.Username+" ", len(got)-1)+me.Username, " "), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := client.PeerMaintenance(t.Context(), true, other.Name); !errors.Is(err, view.ErrState) || err.Error() != "on true by "+me.Username {
		t.Errorf("maintenance of the peer: %v", err)
	}
}

// TestInvitationsThatEnd: why nobody came arrives in the middle of a stream, and who goes away withdraws the code.
func TestInvitationsThatEnd(t *testing.T) {
	expired := view.Statef("the code has expired")
	told := 0
	_, err := Dial(serving(t, &fake{late: expired})).Invite(t.Context(), "", func(view.Invitation) error { told++; return nil })
	if !errors.Is(err, view.ErrState) || err.Error() != expired.Error() || told != 2 {
		t.Errorf("expired after %d invitations: %v", told, err)
	}
	broken := Dial(serving(t, &fake{during: func(context.Context) { panic("no end") }}))
	if p, err := broken.Invite(t.Context(), "", func(view.Invitation) error { return nil }); err == nil || p.Paired {
		t.Errorf("broken off: %+v, %v", p, err)
	}

	withdrawn := make(chan struct{})
	waits := Dial(serving(t, &fake{during: func(ctx context.Context) { <-ctx.Done(); close(withdrawn) }}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	_, err = waits.Invite(ctx, "", func(i view.Invitation) error {
		if i.Tries == 2 { // the pair has said all that it says before it waits
			leave()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who goes away hears %v", err)
	}
	select {
	case <-withdrawn:
	case <-time.After(10 * time.Second):
		t.Error("the code is not withdrawn")
	}
}
