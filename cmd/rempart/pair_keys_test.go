package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/configsync"
	"github.com/rempart/rempart/ha/pairing"
	"github.com/rempart/rempart/ha/peer"
)

// newLine is the line of a node that is not paired.
func newLine(t *testing.T) peerLine {
	t.Helper()
	keys, err := pairing.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	policies := configsync.New(configsync.Options{Paired: func() bool { return keys.State().Paired }, Log: hclog.NewNullLogger()})
	return peerLine{keys: keys, sync: func() *configsync.Sync { return policies }, linked: make(chan struct{}, 1)}
}

// What comes over the line goes to who can answer it; policies are nothing that a node tells one it is not paired with.
func TestPeerLineAnswers(t *testing.T) {
	l := newLine(t)
	if _, err := l.Answer(context.Background(), "policy-state", []byte("{}")); err == nil || err.Error() != "the nodes are not paired" {
		t.Errorf("about policies: %v", err)
	}
	if _, err := l.Answer(context.Background(), pairing.KindUnpair, nil); err != nil {
		t.Errorf("about keys: %v", err)
	}
}

// Linked does not block, however often the link comes and nobody looks.
func TestPeerLineIsLinked(t *testing.T) {
	l := newLine(t)
	l.Linked(false)
	if len(l.linked) != 0 {
		t.Error("a link that ended is told as one that stands")
	}
	for range 3 {
		l.Linked(true)
	}
	if len(l.linked) != 1 {
		t.Error("a link that stands is not told")
	}
}

func TestPairingFailureSaysWhatToDo(t *testing.T) {
	for err, status := range map[error]bool{
		pairing.ErrWrong: true, pairing.ErrItself: true, pairing.ErrCode: true, pairing.ErrNobody: true, pairing.ErrExpired: true,
		pairing.ErrTries: true, pairing.ErrClosed: true, pairing.ErrRotating: true, pairing.ErrBusy: true, pairing.ErrUnpaired: true,
		errors.New("the disk is full"): false,
	} {
		if got := pairingFailure(err); !errors.Is(got, err) || (got != err) != status {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	if pairingFailure(nil) != nil {
		t.Error("no failure becomes one")
	}
}

func TestLinkFault(t *testing.T) {
	if err := linkFault(peer.ErrNotConnected); err == nil || err.Error() != "there is no connection to it" {
		t.Errorf("%v", err)
	}
	if linkFault(nil) != nil {
		t.Error("no fault becomes one")
	}
}

// A policy without anything in it stands for none.
func TestEnforceNotesWhatRuns(t *testing.T) {
	var enforced atomic.Pointer[config.Config]
	told := 0
	tell := enforce(&enforced, func(*config.Config) { told++ })
	c := &config.Config{Interfaces: make([]config.Interface, 1)}
	tell(c)
	if enforced.Load() != c {
		t.Error("what runs is not noted")
	}
	tell(&config.Config{})
	if enforced.Load() != nil || told != 2 {
		t.Errorf("an empty policy is noted as %v, told %d times", enforced.Load(), told)
	}
}
