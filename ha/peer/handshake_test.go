package peer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
)

func testHello(session uint64) hello {
	h := hello{session: session}
	for i := range h.nonce {
		h.nonce[i] = byte(session) + byte(i)
	}
	return h
}

func keysOf(numbers ...byte) [][]byte {
	var keys [][]byte
	for _, n := range numbers {
		keys = append(keys, bytes.Repeat([]byte{n}, 32))
	}
	return keys
}

// result is what one end got out of a handshake.
type shaken struct {
	met met
	err error
}

// shakeBoth is a handshake between two ends that each close after a failure.
func shakeBoth(t *testing.T, called, calls hello, calledKeys, callsKeys [][]byte) (d, a shaken) {
	t.Helper()
	left, right := net.Pipe()
	done := make(chan shaken)
	go func() {
		m, err := shake(right, acceptor, called, calledKeys)
		if err != nil {
			right.Close()
		}
		done <- shaken{m, err}
	}()
	m, err := shake(left, dialler, calls, callsKeys)
	left.Close()
	a = <-done
	right.Close()
	return shaken{m, err}, a
}

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name      string
		dials     [][]byte
		takes     [][]byte
		key       byte
		want      error
		wantCalls error
	}{
		{name: "one key", dials: keysOf(1), takes: keysOf(1), key: 1},
		{name: "the called node has a new one", dials: keysOf(1), takes: keysOf(2, 1), key: 1},
		{name: "the calling node has a new one", dials: keysOf(2, 1), takes: keysOf(1), key: 1},
		{name: "both have both", dials: keysOf(1, 2), takes: keysOf(2, 1), key: 2},
		{name: "four", dials: keysOf(1, 2, 3, 4), takes: keysOf(4), key: 4},
		{name: "a fifth does not count", dials: keysOf(1, 2, 3, 4, 5), takes: keysOf(5), want: errSecret, wantCalls: errSecret},
		{name: "none in common", dials: keysOf(1), takes: keysOf(2), want: errSecret, wantCalls: errSecret},
	} {
		d, a := shakeBoth(t, testHello(2), testHello(1), c.takes, c.dials)
		if !errors.Is(a.err, c.want) || !errors.Is(d.err, c.wantCalls) {
			t.Errorf("%s: %v at the calling node, %v at the called", c.name, d.err, a.err)
		}
		if c.want != nil {
			continue
		}
		if d.met.session != 2 || a.met.session != 1 {
			t.Errorf("%s: sessions %d, %d", c.name, d.met.session, a.met.session)
		}
		want, err := transcript{testHello(1), testHello(2)}.key(keysOf(c.key)[0], dialler)
		if err != nil || !bytes.Equal(d.met.out, want) || !bytes.Equal(a.met.in, want) {
			t.Errorf("%s: %v, key %x and %x, want %x", c.name, err, d.met.out, a.met.in, want)
		}
		if !bytes.Equal(d.met.in, a.met.out) || bytes.Equal(d.met.in, d.met.out) {
			t.Errorf("%s: both directions have one key, or the ends do not agree", c.name)
		}
	}
}

// Other nonces or sessions make other keys and other proofs.
func TestTranscript(t *testing.T) {
	key := keysOf(1)[0]
	base := transcript{testHello(1), testHello(2)}
	changes := map[string]func(*transcript){
		"nonce of the dialler":    func(t *transcript) { t.dialler.nonce[31] ^= 1 },
		"nonce of the acceptor":   func(t *transcript) { t.acceptor.nonce[31] ^= 1 },
		"session of the dialler":  func(t *transcript) { t.dialler.session ^= 1 },
		"session of the acceptor": func(t *transcript) { t.acceptor.session ^= 1 },
		"the ends":                func(t *transcript) { t.dialler, t.acceptor = t.acceptor, t.dialler },
	}
	for name, change := range changes {
		other := base
		change(&other)
		for _, by := range []end{dialler, acceptor} {
			if bytes.Equal(base.proof(key, by), other.proof(key, by)) {
				t.Errorf("%s: the proof of %c is the same", name, by)
			}
			a, errA := base.key(key, by)
			b, errB := other.key(key, by)
			if errA != nil || errB != nil || bytes.Equal(a, b) {
				t.Errorf("%s: the key of %c is the same, %v, %v", name, by, errA, errB)
			}
		}
	}
	if bytes.Equal(base.proof(key, dialler), base.proof(key, acceptor)) {
		t.Error("a proof can be sent back")
	}
}

// script is a stranger: it says what was prepared and takes what is said.
type script struct {
	io.Reader
	io.Writer
}

func say(b []byte) script { return script{bytes.NewReader(b), io.Discard} }

func TestMalformedHandshakes(t *testing.T) {
	mine, other := testHello(1), testHello(2)
	seen := transcript{dialler: other, acceptor: mine}
	key := keysOf(1)
	good := seen.appendOffer(other.append(nil), key)
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"the good one", good, nil},
		{"another protocol", []byte("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\nUser-Agent: someone who is curious\r\n\r\n"), errMagic},
		{"a later version", change(len(magic)+1, version+1), errVersion},
		{"our own session", seen.appendOffer(mine.append(nil), key), errSelf},
		{"no proofs", change(helloLen, 0), errOffer},
		{"too many proofs", change(helloLen, maxKeys+1), errOffer},
		{"a wrong proof", change(len(good)-1, good[len(good)-1]^1), errSecret},
		{"the proof of the other end", append(append(other.append(nil), 1), seen.proof(key[0], acceptor)...), errSecret},
		{"a proof for another nonce", transcript{other, other}.appendOffer(other.append(nil), key), errSecret},
	} {
		if m, err := shake(say(c.b), acceptor, mine, key); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, m, err, c.want)
		}
	}
	for n := range good {
		if m, err := shake(say(good[:n]), acceptor, mine, key); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %+v, %v", n, m, err)
		}
	}
	if _, err := shake(say(good), acceptor, mine, nil); !errors.Is(err, errNoKey) {
		t.Errorf("without a key: %v", err)
	}
}

func TestMalformedChoices(t *testing.T) {
	mine, other := testHello(1), testHello(2)
	seen := transcript{dialler: mine, acceptor: other}
	keys := keysOf(1, 2)
	good := seen.appendChoice(other.append(nil), keys[1], 1)
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"the good one", good, nil},
		{"another key than the proof's", change(helloLen, 0), errSecret},
		{"a key that was not offered", change(helloLen, 2), errSecret},
		{"no key", change(helloLen, noChoice), errSecret},
		{"a wrong proof", change(len(good)-1, good[len(good)-1]^1), errSecret},
		{"our own proof", append(append(other.append(nil), 0), seen.proof(keys[0], dialler)...), errSecret},
	} {
		if m, err := shake(say(c.b), dialler, mine, keys); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, m, err, c.want)
		}
	}
	for n := range good {
		if m, err := shake(say(good[:n]), dialler, mine, keys); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %+v, %v", n, m, err)
		}
	}
}

// A stranger hears nothing before he has said a hello.
func TestAcceptorIsSilentFirst(t *testing.T) {
	var heard bytes.Buffer
	hello := testHello(2).append(nil)
	_, _ = shake(script{bytes.NewReader(hello[:helloLen-1]), &heard}, acceptor, testHello(1), keysOf(1))
	if heard.Len() > 0 {
		t.Errorf("%d bytes are said to part of a hello", heard.Len())
	}
}

func FuzzHandshake(f *testing.F) {
	mine, other := testHello(1), testHello(2)
	f.Add(transcript{other, mine}.appendOffer(other.append(nil), keysOf(1)), true)
	f.Add(transcript{mine, other}.appendChoice(other.append(nil), keysOf(1)[0], 0), false)
	f.Fuzz(func(t *testing.T, b []byte, accepts bool) {
		as := dialler
		if accepts {
			as = acceptor
		}
		if m, err := shake(say(b), as, mine, keysOf(9)); err == nil {
			t.Errorf("without the key: %+v", m)
		}
		if h, err := parseHello(b); err == nil && !bytes.Equal(h.append(nil), b) {
			t.Errorf("%x reads as %+v", b, h)
		}
	})
}
