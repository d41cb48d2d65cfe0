package nft

import (
	"context"
	"testing"
	"time"
)

// Watch tells of the changes of others to our table, and of no other changes.
func TestWatch(t *testing.T) {
	namespace(t)
	k := Open("rempart")
	apply(t, k, manyRules(10, -1))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events := make(chan Event, 100)
	ready, done := watching(t, ctx, k, events), make(chan struct{})
	go func() {
		defer close(done)
		if err := <-ready; err != nil {
			t.Errorf("Watch: %v", err)
		}
	}()

	// The watcher listens as soon as it hears of a change.
	var heard Event
	for deadline := time.Now().Add(10 * time.Second); heard.Generation == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no change was told in ten seconds")
		}
		nftCommand(t, "", "add", "counter", "inet", "rempart", "others")
		select {
		case heard = <-events:
		case <-time.After(50 * time.Millisecond):
		}
	}
	if heard.Process != "nft" || heard.PID == 0 || heard.Lost {
		t.Errorf("heard %+v", heard)
	}
	for len(events) > 0 {
		<-events
	}

	apply(t, k, manyRules(2000, -1))                                    // ours
	nftCommand(t, "", "add", "table", "inet", "other")                  // another table
	nftCommand(t, "", "add", "table", "ip", "rempart")                  // the name in another family
	nftCommand(t, "", "delete", "chain", "inet", "rempart", "forward_") // told
	last, err := k.Generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		if e.Generation != last {
			t.Errorf("told of generation %d, want only %d", e.Generation, last)
		}
	case <-time.After(10 * time.Second):
		t.Error("a deleted chain was not told")
	}
	cancel()
	<-done
}

// watching runs Watch in the namespace of the test.
func watching(t *testing.T, ctx context.Context, k *Netlink, events chan<- Event) <-chan error {
	t.Helper()
	home := currentNamespace(t)
	result := make(chan error, 1)
	go func() { result <- k.In(home).Watch(ctx, func(e Event) { events <- e }) }()
	return result
}
