package nft

import (
	"context"
	"fmt"
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

	// The watcher listens as soon as it hears of a change. To add what is there changes nothing.
	var heard Event
	for n, deadline := 0, time.Now().Add(10*time.Second); heard.Generation == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("no change was told in ten seconds")
		}
		nftCommand(t, "", "add", "counter", "inet", "rempart", fmt.Sprintf("other%d", n))
		select {
		case heard = <-events:
		case <-time.After(50 * time.Millisecond):
		}
	}
	if heard.Process != "nft" || heard.PID == 0 || heard.Lost {
		t.Errorf("heard %+v", heard)
	}
	for last := generationNow(t, k); heard.Generation != last; { // what was added while it was slow
		heard = soon(t, events)
	}

	apply(t, k, manyRules(2000, -1))                                    // ours
	nftCommand(t, "", "add", "table", "inet", "other")                  // another table
	nftCommand(t, "", "add", "table", "ip", "rempart")                  // the name in another family
	nftCommand(t, "", "delete", "chain", "inet", "rempart", "forward_") // told
	if last, e := generationNow(t, k), soon(t, events); e.Generation != last {
		t.Errorf("told of generation %d, want only %d", e.Generation, last)
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

func generationNow(t *testing.T, k *Netlink) uint32 {
	t.Helper()
	n, err := k.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// soon is the next event.
func soon(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("a change was not told in ten seconds")
		return Event{}
	}
}
