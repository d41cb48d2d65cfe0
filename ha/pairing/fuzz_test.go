package pairing

import (
	"bytes"
	"crypto/ed25519"
	"testing"
)

func FuzzHello(f *testing.F) {
	own, key := someone("a", 1)
	d, err := newDialler("12345678", own, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.hello)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		h, err := newHost(raw, own, key)
		if err != nil {
			return
		}
		if _, err := h.reply("12345678"); err != nil {
			t.Errorf("a hello that is taken has no reply: %v", err)
		}
	})
}

func FuzzProof(f *testing.F) {
	dOwn, dKey := someone("a", 1)
	hOwn, hKey := someone("b", 2)
	d, err := newDialler("12345678", dOwn, dKey)
	if err != nil {
		f.Fatal(err)
	}
	h, err := newHost(d.hello, hOwn, hKey)
	if err != nil {
		f.Fatal(err)
	}
	b, err := h.reply("12345678")
	if err != nil {
		f.Fatal(err)
	}
	if b, err = d.onReply(b); err != nil {
		f.Fatal(err)
	}
	f.Add(b[headLen:])
	f.Add(newRefusal(wrong)[headLen:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > proof.limit() {
			return
		}
		good, err := parseFields(b[headLen:])
		if err != nil {
			t.Fatal(err)
		}
		got, _ := parseFields(body)
		same := bytes.Equal(got[tagConfirm], good[tagConfirm]) && bytes.Equal(got[tagSealed], good[tagSealed])
		if _, _, err := h.onProof(newMessage(proof, body)); (err == nil) != same {
			t.Errorf("%x: %v", body, err)
		}
		if _, _, err := d.onAnswer(newMessage(answer, body)); err == nil {
			t.Errorf("%x is an answer", body)
		}
		if h.onDone(newMessage(done, body[:min(len(body), done.limit())])) == nil {
			t.Errorf("%x is a last word", body)
		}
	})
}

func FuzzReply(f *testing.F) {
	own, key := someone("a", 1)
	d, err := newDialler("12345678", own, key)
	if err != nil {
		f.Fatal(err)
	}
	h, err := newHost(d.hello, own, key)
	if err != nil {
		f.Fatal(err)
	}
	b, err := h.reply("12345678")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(newRefusal(closed))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := d.onReply(b)
		if err == nil && len(p) == 0 {
			t.Error("a reply has no proof")
		}
	})
}

func FuzzIdentity(f *testing.F) {
	own, key := someone("a", 1)
	challenge := []byte("challenge")
	f.Add(appendIdentity(nil, own, ed25519.Sign(key, challenge)))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseIdentity(b, challenge)
		if err != nil {
			return
		}
		if checkNode(i.node) != nil || len(i.known) > maxKnown {
			t.Errorf("%+v", i)
		}
	})
}
