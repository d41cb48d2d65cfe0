package pairing

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

func TestRefusals(t *testing.T) {
	for r, want := range map[reason]error{closed: ErrClosed, wrong: ErrWrong, itself: ErrItself, unable: errUnable, rotating: ErrRotating} {
		if _, err := parseMessage(newRefusal(r), answer); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", r, err, want)
		}
	}
	if _, err := parseMessage(newRefusal(77), reply); err == nil {
		t.Error("a reason of a later version is none")
	}
}

func TestMalformedMessages(t *testing.T) {
	point := make([]byte, pointLen)
	good := newMessage(hello, appendField(appendField(nil, tagSID, make([]byte, sidLen)), tagShare, point))
	head := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"magic":          head(0, 'X'),
		"version 0":      head(4, 0),
		"kind 0":         head(5, 0),
		"kind unknown":   head(5, 99),
		"too long":       head(6, 0xff),
		"another length": head(7, good[7]-1),
		"twice":          newMessage(hello, appendField(appendField(nil, tagSID, nil), tagSID, nil)),
		"half a field":   newMessage(hello, []byte{byte(tagSID), 0}),
		"field too long": newMessage(hello, []byte{byte(tagSID), 0, 9, 1}),
		"another kind":   newMessage(reply, good[headLen:]),
	} {
		if _, err := parseMessage(b, hello); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := parseMessage(good, hello); err != nil {
		t.Error(err)
	}
	own, key := someone("a", 1)
	if _, err := newHost(good, own, key); !errors.Is(err, errPoint) {
		t.Errorf("a share of zeros: %v", err)
	}
	if _, err := newHost(newMessage(hello, appendField(nil, tagShare, point)), own, key); err == nil {
		t.Error("a hello without an id is taken")
	}
}

func TestMalformedIdentities(t *testing.T) {
	own, key := someone("a", 1)
	challenge := []byte("challenge")
	signature := ed25519.Sign(key, challenge)
	with := func(t tag, value []byte) []byte {
		f, _ := parseFields(appendIdentity(nil, own, signature))
		f[t] = value
		var b []byte
		for _, t := range []tag{tagNode, tagKey, tagSignature, tagKnown, tagCalled} {
			b = appendField(b, t, f[t])
		}
		return b
	}
	if i, err := parseIdentity(appendIdentity(nil, own, signature), challenge); err != nil || i.node != "a" {
		t.Errorf("%+v, %v", i, err)
	}
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"no name":        with(tagNode, nil),
		"a control":      with(tagNode, []byte("a\x1b[2J")),
		"not UTF-8":      with(tagNode, []byte{0xff}),
		"a long name":    with(tagNode, bytes.Repeat([]byte("a"), maxNode+1)),
		"a short key":    with(tagKey, own.key[:31]),
		"signature":      with(tagSignature, signature[:63]),
		"another's":      with(tagSignature, ed25519.Sign(key, []byte("another"))),
		"half a key":     with(tagKnown, make([]byte, 33)),
		"too many keys":  with(tagKnown, make([]byte, 32*(maxKnown+1))),
		"no address":     with(tagCalled, nil),
		"half a address": with(tagCalled, []byte("10.0.0")),
	} {
		if _, err := parseIdentity(b, challenge); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	many := own
	for i := range 200 {
		many.known = append(many.known, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, 32)).Public().(ed25519.PublicKey))
	}
	i, err := parseIdentity(appendIdentity(nil, many, signature), challenge)
	if err != nil || len(i.known) != maxKnown || !i.known[maxKnown-1].Equal(many.known[len(many.known)-1]) {
		t.Errorf("%d keys, %v", len(i.known), err)
	}
}
