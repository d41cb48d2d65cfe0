package firewall

import (
	"context"
	"errors"
	"testing"
)

// TestDoWithoutAsker ends the context of whoever asks, before the loop has the
// question and after: one is dropped, the other is answered.
func TestDoWithoutAsker(t *testing.T) {
	f := &Firewall{asks: make(chan func(context.Context)), done: make(chan struct{})}
	ctx, goAway := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := do(ctx, f, func(loop context.Context) (struct{}, error) {
			goAway()
			return struct{}{}, loop.Err()
		})
		answered <- err
	}()
	(<-f.asks)(t.Context())
	if err := <-answered; err != nil {
		t.Errorf("begun: %v", err)
	}
	_, err := do(ctx, f, func(context.Context) (struct{}, error) {
		t.Error("asked for nobody")
		return struct{}{}, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
}
