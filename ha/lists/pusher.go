package lists

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// pushEvery is how long after a look at the lists the next one comes.
	pushEvery = time.Second
	// A look at long lists takes long, since the kernel walks over a set anew for each piece of it
	// that it gives. So that no processor is busy with that, the next look waits for so many times as
	// long as the last one took, and for longer when nothing was new.
	restAfterNews = 4
	restAfterNone = 20
	// refusedFor is how long a peer that cannot take lists is left alone. It may be replaced by
	// one that can.
	refusedFor = time.Minute
	// messageMost is how long a message may be: short beside what the link takes, so that
	// other questions need not wait long.
	messageMost = 240 << 10
)

// ErrRefused says that the peer does not take lists, such as one of an older version.
var ErrRefused = errors.New("the peer does not take lists")

// Options is what a Pusher is made of.
type Options struct {
	// Read reads the lists of this node.
	Read func(ctx context.Context) ([]List, error)
	// Send has the peer merge a message. Its error is an ErrRefused when there is no point in
	// trying soon.
	Send func(ctx context.Context, message []byte) error
	// Active says whether this node is to send its lists now: it has the role, and a peer.
	Active func(ctx context.Context) bool
	Log    hclog.Logger
}

// Pusher keeps the lists of the peer like those of this node for as long as this node has the role.
type Pusher struct {
	Options
	differ  Differ
	active  bool
	refused time.Time // until when the peer is left alone
	failing bool      // it was logged that reading or sending fails
}

// NewPusher returns a pusher that does nothing until Run.
func NewPusher(o Options) *Pusher { return &Pusher{Options: o} }

// Run pushes until ctx ends.
func (p *Pusher) Run(ctx context.Context) error {
	timer := time.NewTimer(pushEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		began, rest := time.Now(), time.Duration(restAfterNone)
		if p.turn(ctx, began) {
			rest = restAfterNews
		}
		timer.Reset(max(pushEvery, rest*time.Since(began)))
	}
}

// turn is one look, and says whether something was new. After the role went to the peer there is one
// more, for what came since the last.
func (p *Pusher) turn(ctx context.Context, now time.Time) (news bool) {
	was := p.active
	p.active = p.Active(ctx)
	if !was && !p.active || now.Before(p.refused) {
		return false
	}
	sent, err := p.push(ctx, now)
	switch {
	case !p.active:
		p.differ = Differ{}
	case err != nil:
		p.differ.Forget()
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrRefused):
		p.refused = now.Add(refusedFor)
		p.Log.Debug("lists are not sent", "cause", err)
	case err == nil:
		p.failing = false
	case p.active && !p.failing:
		p.failing = true
		p.Log.Warn("lists do not get to the peer, tried again all the time", "cause", err)
	}
	return sent > 0
}

// push reads, and returns how many messages it sent.
func (p *Pusher) push(ctx context.Context, now time.Time) (sent int, err error) {
	lists, err := p.Read(ctx)
	if err != nil {
		return 0, fmt.Errorf("read lists: %w", err)
	}
	messages, err := Messages(p.differ.Changes(now, lists), messageMost)
	if err != nil {
		return 0, fmt.Errorf("write lists: %w", err)
	}
	for _, m := range messages {
		if err := p.Send(ctx, m); err != nil {
			return sent, fmt.Errorf("send lists: %w", err)
		}
		sent++
	}
	return sent, nil
}
