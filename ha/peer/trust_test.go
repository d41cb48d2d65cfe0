package peer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"
)

// identity is the key of a node by its name.
func identity(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return identity(name).Public().(ed25519.PublicKey) }

// pairedWith is the trust of a node, by the names of the keys that it believes.
func pairedWith(name string, peers ...string) Trust {
	t := Trust{Own: identity(name), Keys: keysOf(77)}
	for _, p := range peers {
		t.Peers = append(t.Peers, public(p))
	}
	return t
}

// pairedBefore is the trust of a node that has the right keys, and the secret of an earlier pairing.
func pairedBefore(name string, peers ...string) Trust {
	t := pairedWith(name, peers...)
	t.Keys = keysOf(66)
	return t
}

// unpaired is the trust of a node that holds secrets.
func unpaired(name string, keys ...byte) Trust {
	return Trust{Own: identity(name), Keys: keysOf(keys...)}
}

func keysOf(numbers ...byte) [][]byte {
	var keys [][]byte
	for _, n := range numbers {
		keys = append(keys, bytes.Repeat([]byte{n}, 32))
	}
	return keys
}

// formerly says that the key of this name is of an earlier pairing.
func formerly(name string) func(ed25519.PublicKey) bool {
	return func(key ed25519.PublicKey) bool { return key.Equal(public(name)) }
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		trust Trust
		other shown
		want  error
	}{
		{"the peer", pairedWith("a", "b"), shown{public("b"), claimPaired}, nil},
		{"the newer of two keys", pairedWith("a", "b", "b2"), shown{public("b2"), claimPaired}, nil},
		{"nobody", pairedWith("a", "b"), shown{public("x"), claimPaired}, errUnknown},
		{"an earlier peer", pairedWith("a", "b"), shown{public("old"), claimPaired}, errFormer},
		{"ourselves", pairedWith("a", "b"), shown{public("a"), claimPaired}, errSelf},
		{"ourselves as peer", pairedWith("a", "a"), shown{public("a"), claimPaired}, errSelf},
		{"ourselves, not paired", unpaired("a", 1), shown{public("a"), claimUnpaired}, errSelf},
		{"who is not paired any more", pairedWith("a", "b"), shown{public("b"), claimUnpaired}, errUnpaired},
		{"who is paired when we are not", unpaired("a", 1), shown{public("b"), claimPaired}, errPaired},
		{"anybody of those that are not", unpaired("a", 1), shown{public("x"), claimUnpaired}, nil},
	} {
		if err := c.trust.judge(c.other, formerly("old")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := pairedWith("a", "b").judge(shown{public("old"), claimPaired}, nil); !errors.Is(err, errUnknown) {
		t.Errorf("without a memory: %v", err)
	}
}

// What the other end may show that is no certificate of ours.
func TestShown(t *testing.T) {
	good := func() tls.ConnectionState {
		own, err := pairedWith("a", "b").certificate()
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(own.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return tls.ConnectionState{NegotiatedProtocol: protocol, PeerCertificates: []*x509.Certificate{c}}
	}
	for name, change := range map[string]func(*tls.ConnectionState){
		"another protocol": func(s *tls.ConnectionState) { s.NegotiatedProtocol = "h2" },
		"no protocol":      func(s *tls.ConnectionState) { s.NegotiatedProtocol = "" },
		"no certificate":   func(s *tls.ConnectionState) { s.PeerCertificates = nil },
		"two": func(s *tls.ConnectionState) {
			s.PeerCertificates = append(s.PeerCertificates, s.PeerCertificates[0])
		},
		"another kind of key": func(s *tls.ConnectionState) { s.PeerCertificates[0].PublicKey = []byte{1} },
		"another claim":       func(s *tls.ConnectionState) { s.PeerCertificates[0].Subject.CommonName = "www.example.net" },
	} {
		s := good()
		change(&s)
		if got, err := shownBy(s); !errors.Is(err, errMagic) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := shownBy(good()); err != nil || !got.key.Equal(public("a")) || got.claim != claimPaired {
		t.Errorf("%+v, %v", got, err)
	}
}

// shaken is what one end got out of a handshake.
type shaken struct {
	met met
	err error
}

// line is a connection of TCP, whose ends can be written to without a reader.
func line(t testing.TB) (dials, takes *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dials, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if takes, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{dials, takes} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return dials, takes
}

// shakeBoth is a handshake between two ends that each close after a failure.
func shakeBoth(t testing.TB, calls, called side) (d, a shaken) {
	t.Helper()
	left, right := line(t)
	done := make(chan shaken)
	go func() {
		m, err := called.shake(right)
		if err != nil {
			right.Close()
		}
		done <- shaken{m, err}
	}()
	m, err := calls.shake(left)
	if err != nil {
		left.Close()
	}
	return shaken{m, err}, <-done
}
