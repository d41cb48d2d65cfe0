package peer

import (
	"crypto/tls"
	"testing"
)

// FuzzStranger says anything to the acceptor's side: before TLS, after a TLS handshake by an unknown key with a node that
// is paired, and after one with a node that is not, where more is heard of a stranger. He never comes
// through, and what he makes the acceptor say ends.
func FuzzStranger(f *testing.F) {
	const (
		plain = iota
		toPaired
		toUnpaired
		ways
	)
	f.Add(byte(plain), []byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 3})
	f.Add(byte(plain), []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(byte(toPaired), ours(9).append(nil))
	f.Add(byte(toUnpaired), bound.appendOffer(ours(9).append(nil), keysOf(8)))
	f.Add(byte(toUnpaired), bound.appendOffer(withFields(ours(9), "\x00\x01\x00\x02ab"), keysOf(1)))
	f.Add(byte(toUnpaired), append(ours(9).append(nil), 0))
	f.Fuzz(func(t *testing.T, way byte, b []byte) {
		trust := pairedWith("b", "a")
		stranger := dials(pairedWith("x", "b"))
		if way%ways == toUnpaired {
			trust, stranger = unpaired("b", 1), dials(unpaired("x", 8))
		}
		calls, called := line(t)
		done := make(chan error, 1)
		go func() {
			m, err := takes(trust).shake(called)
			if err == nil {
				t.Errorf("a stranger comes through: %+v", m)
			}
			called.Close()
			done <- err
		}()
		if way%ways == plain {
			_, _ = calls.Write(b) // it may have been refused
		} else {
			config, err := stranger.config()
			if err != nil {
				t.Fatal(err)
			}
			c := tls.Client(calls, config)
			_, _ = c.Write(b) // it may have been refused
		}
		calls.CloseWrite()
		var all counters
		if cause := all.of(<-done); cause.counter == &all.forged {
			t.Errorf("what is no message of a peer is counted as one: %v", cause.err)
		}
		calls.Close()
	})
}

// FuzzChoice says anything to the dialler's side of a proof.
func FuzzChoice(f *testing.F) {
	f.Add(bound.appendChoice(nil, keysOf(1)[0], 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := bound.proveSecret(say(b), dialler, keysOf(9)); err == nil {
			t.Errorf("%x proves a key that it does not have", b)
		}
	})
}
