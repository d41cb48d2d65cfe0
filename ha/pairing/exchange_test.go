package pairing

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// someone is an end of an exchange with a key that is always the same.
func someone(name string, seed byte) (identity, ed25519.PrivateKey) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	own := publicOf(private)
	return identity{node: name, key: own, known: []ed25519.PublicKey{own}, called: netip.MustParseAddr("fe80::1")}, private
}

// outcome is what both ends have after an exchange.
type outcome struct {
	dialler, host met
	// accepted says that the dialler took the host's answer, and done that the host took the last word.
	accepted, done bool
	err            error // the first one
	said           [][]byte
}

// converse runs an exchange. change is what becomes of each message on its way.
func converse(t *testing.T, ofDialler, ofHost code, change func(n int, b []byte) []byte) outcome {
	t.Helper()
	var o outcome
	carry := func(b []byte) []byte {
		o.said = append(o.said, b)
		if change == nil {
			return b
		}
		return change(len(o.said), bytes.Clone(b))
	}
	dIdentity, dKey := someone("dialling node", 1)
	hIdentity, hKey := someone("hosting node", 2)
	d, err := newDialler(ofDialler, dIdentity, dKey)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHost(carry(d.hello), hIdentity, hKey)
	if err != nil {
		return outcome{err: err}
	}
	b, err := h.reply(ofHost)
	if err != nil {
		return outcome{err: err}
	}
	if b, err = d.onReply(carry(b)); err != nil {
		return outcome{err: err}
	}
	if o.host, b, err = h.onProof(carry(b)); err != nil {
		return outcome{err: err}
	}
	if o.dialler, b, err = d.onAnswer(carry(b)); err != nil {
		return outcome{host: o.host, err: err}
	}
	o.accepted = true
	o.err = h.onDone(carry(b))
	o.done = o.err == nil
	return o
}

func TestExchange(t *testing.T) {
	o := converse(t, "12345678", "12345678", nil)
	if o.err != nil || !o.accepted || !o.done {
		t.Fatalf("%+v", o)
	}
	if !bytes.Equal(o.host.root, o.dialler.root) || len(o.host.root) != rootLen || o.host.id != o.dialler.id || o.host.id == "" {
		t.Error("the ends have different secrets")
	}
	d, _ := someone("dialling node", 1)
	h, _ := someone("hosting node", 2)
	for _, c := range []struct{ got, want identity }{{o.host.identity, d}, {o.dialler.identity, h}} {
		if c.got.node != c.want.node || !c.got.key.Equal(c.want.key) || c.got.called != c.want.called ||
			!slices.EqualFunc(c.got.known, c.want.known, func(a, b ed25519.PublicKey) bool { return a.Equal(b) }) {
			t.Errorf("%+v, want %+v", c.got, c.want)
		}
	}
	again := converse(t, "12345678", "12345678", nil)
	if bytes.Equal(again.host.root, o.host.root) || again.host.id == o.host.id {
		t.Error("the same code gives the same secrets")
	}
}

// TestEavesdropper looks for what both ends know in all that they said.
func TestEavesdropper(t *testing.T) {
	o := converse(t, "12345678", "12345678", nil)
	if len(o.said) != 5 {
		t.Fatalf("%d messages", len(o.said))
	}
	all := slices.Concat(o.said...)
	d, _ := someone("dialling node", 1)
	h, _ := someone("hosting node", 2)
	for name, secret := range map[string][]byte{
		"code": []byte("12345678"), "root": o.host.root, "names": []byte("node"), "dialler's key": d.key, "host's key": h.key,
	} {
		if bytes.Contains(all, secret) {
			t.Errorf("the %s can be read", name)
		}
	}
	// Who has the code later, and all that was said, lacks what each end drew: with shares of his own
	// he opens nothing.
	late, err := newHost(o.said[0], h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.reply("12345678"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := late.onProof(o.said[2]); !errors.Is(err, ErrWrong) {
		t.Errorf("the proof is opened: %v", err)
	}
}

func TestWrongCode(t *testing.T) {
	if o := converse(t, "12345678", "12345679", nil); !errors.Is(o.err, ErrWrong) || o.host.key != nil {
		t.Errorf("%+v", o)
	}
}

// TestInTheMiddle has somebody speak with both ends, who knows all but the code.
func TestInTheMiddle(t *testing.T) {
	const right, guess = code("12345678"), code("00000000")
	mIdentity, mKey := someone("the middle", 3)
	dIdentity, dKey := someone("dialling node", 1)
	hIdentity, hKey := someone("hosting node", 2)
	d, errD := newDialler(right, dIdentity, dKey)
	toHost, errM := newDialler(guess, mIdentity, mKey)
	if errD != nil || errM != nil {
		t.Fatal(errD, errM)
	}
	toDialler, errD := newHost(d.hello, mIdentity, mKey)
	h, errM := newHost(toHost.hello, hIdentity, hKey)
	if errD != nil || errM != nil {
		t.Fatal(errD, errM)
	}
	fake, errD := toDialler.reply(guess)
	real, errM := h.reply(right)
	if errD != nil || errM != nil {
		t.Fatal(errD, errM)
	}
	proof, errD := d.onReply(fake)
	forged, errM := toHost.onReply(real)
	if errD != nil || errM != nil {
		t.Fatal(errD, errM)
	}
	for name, b := range map[string][]byte{"his own proof": forged, "the dialler's proof": proof} {
		if _, _, err := h.onProof(b); !errors.Is(err, ErrWrong) {
			t.Errorf("the host takes %s: %v", name, err)
		}
	}
	if _, _, err := toDialler.onProof(proof); !errors.Is(err, ErrWrong) {
		t.Errorf("the proof shows him something: %v", err)
	}
	forgedAnswer, err := toDialler.secrets.introduce(answer, hosting, mIdentity, mKey, proof)
	if err != nil {
		t.Fatal(err)
	}
	mirrored := bytes.Clone(proof)
	mirrored[len(magic)+1] = byte(answer)
	for name, b := range map[string][]byte{"his answer": forgedAnswer, "its own proof": mirrored} {
		if _, _, err := d.onAnswer(b); !errors.Is(err, ErrWrong) {
			t.Errorf("the dialler takes %s: %v", name, err)
		}
	}
}

// TestChangedOnTheWay changes bytes all over each message. The host never takes a pairing as settled then, and what
// the dialler takes is at most an answer whose version alone was changed.
func TestChangedOnTheWay(t *testing.T) {
	lengths := converse(t, "12345678", "12345678", nil).said
	for n, b := range lengths {
		step := max(1, len(b)/24)
		for at := 0; at < len(b); at++ {
			if at > headLen && at%step != 0 {
				continue
			}
			flip := func(i int, b []byte) []byte {
				if i == n+1 && at < len(b) {
					b[at] ^= 0x10
				}
				return b
			}
			o := converse(t, "12345678", "12345678", flip)
			if isVersion := at == len(magic); o.done && (n < 4 || !isVersion) || o.accepted && n < 3 {
				t.Errorf("message %d with another byte %d is taken", n+1, at)
			}
		}
	}
}

func TestTruncatedMessages(t *testing.T) {
	for n, b := range converse(t, "12345678", "12345678", nil).said {
		for length := range b {
			if _, err := readMessage(bytes.NewReader(b[:length])); err == nil {
				t.Errorf("message %d is read with %d bytes of %d", n+1, length, len(b))
			}
			if _, err := parseMessage(b[:length], kind(n+1)); err == nil {
				t.Errorf("message %d is parsed with %d bytes of %d", n+1, length, len(b))
			}
		}
		if got, err := readMessage(bytes.NewReader(append(bytes.Clone(b), "more"...))); err != nil || !bytes.Equal(got, b) {
			t.Errorf("message %d: %d bytes, %v; want %d", n+1, len(got), err, len(b))
		}
	}
}

// TestOtherVersion has a later version say more than this one understands.
func TestOtherVersion(t *testing.T) {
	dIdentity, dKey := someone("dialling node", 1)
	hIdentity, hKey := someone("hosting node", 2)
	d, err := newDialler("12345678", dIdentity, dKey)
	if err != nil {
		t.Fatal(err)
	}
	d.hello = newMessage(hello, appendField(bytes.Clone(d.hello[headLen:]), 200, []byte("what is new")))
	d.hello[len(magic)] = 9
	h, err := newHost(d.hello, hIdentity, hKey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.reply("12345678")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = d.onReply(b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.onProof(b); err != nil {
		t.Error(err)
	}
}

func TestItselfInTheExchange(t *testing.T) {
	own, key := someone("a", 1)
	d, err := newDialler("12345678", own, key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHost(d.hello, own, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.reply("12345678")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = d.onReply(b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.onProof(b); !errors.Is(err, ErrItself) {
		t.Errorf("%v", err)
	}
	// A copy that does not mind.
	if b, err = h.secrets.introduce(answer, hosting, own, key, b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.onAnswer(b); !errors.Is(err, ErrItself) {
		t.Errorf("%v", err)
	}
}

// TestStolenKey has an end present a public key whose private one it lacks.
func TestStolenKey(t *testing.T) {
	stolen, _ := someone("a", 1)
	_, other := someone("a", 5)
	d, err := newDialler("12345678", stolen, other)
	if err != nil {
		t.Fatal(err)
	}
	own, key := someone("b", 2)
	h, err := newHost(d.hello, own, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.reply("12345678")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = d.onReply(b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.onProof(b); err == nil {
		t.Error("the key is taken")
	}
}
