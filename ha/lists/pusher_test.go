package lists

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// desk is what a pusher works with. The test holds it while it looks at it.
type desk struct {
	slow   time.Duration // that a reading takes, from the beginning
	mu     sync.Mutex
	active bool
	list   List
	read   error
	send   error
	reads  int
	sent   []Change
}

// pushing runs a pusher beside the test.
func pushing(t *testing.T, slow time.Duration, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{slow: slow, active: true, list: list(el(1, 0))}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		p := NewPusher(Options{
			Read: func(context.Context) ([]List, error) {
				time.Sleep(d.slow)
				d.mu.Lock()
				defer d.mu.Unlock()
				d.reads++
				return []List{d.list}, d.read
			},
			Send: func(_ context.Context, m []byte) error {
				changes, err := Decode(m)
				if err != nil {
					t.Error(err)
				}
				d.mu.Lock()
				defer d.mu.Unlock()
				d.sent = append(d.sent, changes...)
				return d.send
			},
			Active: func(context.Context) bool {
				d.mu.Lock()
				defer d.mu.Unlock()
				return d.active
			},
			Log: hclog.NewNullLogger(),
		})
		go func() {
			defer close(ended)
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Millisecond) // the test lives between two looks
		d.mu.Lock()
		test(d)
		d.mu.Unlock()
		end()
		<-ended
	})
}

// pass lets looks happen and returns what was sent.
func (d *desk) pass(seconds int) []Change {
	d.mu.Unlock()
	time.Sleep(time.Duration(seconds) * time.Second)
	synctest.Wait()
	d.mu.Lock()
	sent := d.sent
	d.sent = nil
	return sent
}

func TestPusherSendsWhatIsNew(t *testing.T) {
	pushing(t, 0, func(d *desk) {
		if sent := d.pass(1); len(sent) != 1 || len(sent[0].Put) != 1 {
			t.Errorf("at the start: %+v", sent)
		}
		d.list = list(el(1, 0), el(2, time.Hour))
		if sent := d.pass(1); len(sent) != 1 || len(sent[0].Put) != 1 || sent[0].Put[0].Key[0] != 2 {
			t.Errorf("a new element: %+v", sent)
		}
		if sent := d.pass(1); len(sent) != 0 {
			t.Errorf("nothing new: %+v", sent)
		}
	})
}

// TestPusherBeginsAnew: after a failure nobody knows what the peer has.
func TestPusherBeginsAnew(t *testing.T) {
	for name, fail := range map[string]func(*desk, error){
		"sending fails": func(d *desk, err error) { d.send = err; d.list = list(el(1, 0), el(2, time.Hour)) },
		"reading fails": func(d *desk, err error) { d.read = err },
	} {
		t.Run(name, func(t *testing.T) {
			pushing(t, 0, func(d *desk) {
				d.pass(1)
				fail(d, errors.New("no way there"))
				d.pass(1)
				d.read, d.send, d.list = nil, nil, list(el(1, 0))
				if sent := d.pass(1); len(sent) != 1 || len(sent[0].Put) != 1 {
					t.Errorf("a second after the failure: %+v", sent)
				}
			})
		})
	}
}

func TestPusherRests(t *testing.T) {
	pushing(t, 0, func(d *desk) {
		d.send = fmt.Errorf("ask: %w", ErrRefused)
		d.pass(1)
		if d.pass(58); d.reads != 1 {
			t.Errorf("%d looks for a peer that takes no lists", d.reads)
		}
		d.send = nil
		if sent := d.pass(3); len(sent) != 1 {
			t.Errorf("a minute later: %+v", sent)
		}
	})
	pushing(t, time.Second, func(d *desk) {
		if d.pass(100); d.reads < 5 || d.reads > 8 {
			t.Errorf("%d looks of a second each in 100 seconds", d.reads)
		}
	})
	pushing(t, 0, func(d *desk) {
		d.active = false
		if d.pass(60); d.reads != 0 {
			t.Errorf("%d looks without the role", d.reads)
		}
	})
}

// TestPusherGivesAway: what came between the last look and the end of the role is sent, and a new
// master does not take away from the old one what it did not hear of yet.
func TestPusherGivesAway(t *testing.T) {
	pushing(t, 0, func(d *desk) {
		d.pass(50)
		d.active, d.list = false, list(el(1, 0), el(2, 0))
		if sent := d.pass(1); len(sent) != 1 || len(sent[0].Put) != 1 || sent[0].Put[0].Key[0] != 2 {
			t.Errorf("with the role: %+v", sent)
		}
		if sent := d.pass(30); len(sent) != 0 {
			t.Errorf("without the role: %+v", sent)
		}
		d.active = true
		if sent := d.pass(30); len(sent) != 1 || sent[0].Whole != nil || len(sent[0].Put) != 2 {
			t.Errorf("with the role again: %+v", sent)
		}
		if sent := d.pass(35); len(sent) != 1 || sent[0].Whole == nil {
			t.Errorf("a minute later: %+v", sent)
		}
	})
}
