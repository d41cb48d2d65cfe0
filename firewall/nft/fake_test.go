package nft

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
)

func TestFake(t *testing.T) {
	ctx := context.Background()
	f := NewFake("t")
	if f.String() != "" || f.SetCounter("n", Counter{}) {
		t.Error("there is a table before there is one")
	}
	apply(t, f, small())
	sameText(t, "the fake", small().String(), f.String())

	if !f.SetCounter("n", Counter{Packets: 5, Bytes: 50}) || f.SetCounter("none", Counter{}) {
		t.Error("SetCounter does not know its counters")
	}
	apply(t, f, changed(func(r *Ruleset) { r.Chains[0].Rules = nil }))
	if c, _ := f.Counters(ctx); c["n"] != (Counter{5, 50}) {
		t.Errorf("after a switch the counters are %v", c)
	}

	refusal := errors.New("no")
	before, _ := f.Generation(ctx)
	f.Refuse(refusal)
	if err := f.Commit(ctx, Batch{AddCounter{"t", "m"}}, before); !errors.Is(err, refusal) {
		t.Errorf("got %v, want the refusal", err)
	}
	if err := f.Commit(ctx, Batch{AddCounter{"t", "m"}}, before+1); !errors.Is(err, ErrGeneration) {
		t.Errorf("got %v, want ErrGeneration", err)
	}
	if err := f.Commit(ctx, Batch{AddCounter{"t", "m"}}, before); err != nil {
		t.Error(err)
	}
	if _, err := f.Elements(ctx, "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v of a set that is not there", err)
	}

	f.SetLacking(FeatureFlowtable)
	if features, _ := f.Features(ctx); features.Has(FeatureFlowtable) || !features.Has(FeatureNAT) {
		t.Errorf("features are %v", features)
	}
	chain := ForeignChain{Family: "ip", Table: "x", Chain: "y", Hook: *hookAt(0, drop)}
	f.SetForeign(chain)
	if list, _ := f.Foreign(ctx); !slices.Equal(list, []ForeignChain{chain}) {
		t.Errorf("foreign chains are %v", list)
	}
	if err := f.Delete(ctx); err != nil || f.String() != "" {
		t.Errorf("Delete leaves %s, %v", f, err)
	}
}

func TestFakeTellsOfOthers(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := NewFake("t")
	apply(t, f, small())
	events, done := make(chan Event, 100), make(chan error)
	go func() { done <- f.Watch(ctx, func(e Event) { events <- e }) }()
	for len(events) == 0 { // until it listens
		if err := f.Touch(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	if e := <-events; e.Generation == 0 || e.Process == "" {
		t.Errorf("told %+v", e)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
