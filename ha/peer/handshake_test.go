package peer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// dials and takes are the two ends of a handshake between sessions 1 and 2.
func dials(t Trust) side { return side{as: dialler, mine: ours(1), trust: t, former: formerly("old")} }

func takes(t Trust) side { return side{as: acceptor, mine: ours(2), trust: t, former: formerly("old")} }

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name         string
		dials, takes Trust
		want         error // at the node that calls
		wantTakes    error
	}{
		{"paired", pairedWith("a", "b"), pairedWith("b", "a"), nil, nil},
		{"the called node has a new key", pairedWith("a", "b", "b2"), pairedWith("b2", "a"), nil, nil},
		{"the calling node has a new key", pairedWith("a2", "b"), pairedWith("b", "a", "a2"), nil, nil},
		{"the called node is a stranger", pairedWith("a", "b"), pairedWith("x", "a"), errUnknown, errDisbelieved},
		{"the calling node is a stranger", pairedWith("x", "b"), pairedWith("b", "a"), errDisbelieved, errUnknown},
		{"both are", pairedWith("x", "y"), pairedWith("b", "a"), errUnknown, errDisbelieved},
		{"the called node is of an earlier pairing", pairedWith("a", "b"), pairedWith("old", "a"), errFormer, errDisbelieved},
		{"the calling node is of an earlier pairing", pairedWith("old", "b"), pairedWith("b", "a"), errDisbelieved, errFormer},
		{"the called node was restored from before the pairing", pairedWith("a", "b"), pairedBefore("b", "a"), errRestored, errRestored},
		{"the calling node was restored from before the pairing", pairedBefore("a", "b"), pairedWith("b", "a"), errRestored, errRestored},
		{"itself", pairedWith("a", "b"), pairedWith("a", "b"), errSelf, errSelf},
		{"itself, not paired", unpaired("a", 1), unpaired("a", 1), errSelf, errSelf},

		{"the called node is not paired", pairedWith("a", "b"), unpaired("b", 1), errUnpaired, errPaired},
		{"the calling node is not paired", unpaired("a", 1), pairedWith("b", "a"), errPaired, errUnpaired},
		{"the called node is neither paired nor has it a secret", pairedWith("a", "b"), unpaired("b"), errUnpaired, errPaired},

		{"one secret", unpaired("a", 1), unpaired("b", 1), nil, nil},
		{"the called node has a new one", unpaired("a", 1), unpaired("b", 2, 1), nil, nil},
		{"the calling node has a new one", unpaired("a", 2, 1), unpaired("b", 1), nil, nil},
		{"both have both", unpaired("a", 1, 2), unpaired("b", 2, 1), nil, nil},
		{"four", unpaired("a", 1, 2, 3, 4), unpaired("b", 4), nil, nil},
		{"a fifth does not count", unpaired("a", 1, 2, 3, 4, 5), unpaired("b", 5), errSecret, errSecret},
		{"none in common", unpaired("a", 1), unpaired("b", 2), errSecret, errSecret},
		{"the calling node has none", unpaired("a"), unpaired("b", 2), errNoKey, errSecret},
		{"the called node has none", unpaired("a", 1), unpaired("b"), errSecret, errNoKey},
	} {
		d, a := shakeBoth(t, dials(c.dials), takes(c.takes))
		if !errors.Is(d.err, c.want) || !errors.Is(a.err, c.wantTakes) {
			t.Errorf("%s: %v at the calling node, %v at the called", c.name, d.err, a.err)
		}
		if c.want != nil || d.err != nil || a.err != nil {
			continue
		}
		if d.met.session != 2 || a.met.session != 1 || d.met.version != newest || a.met.version != newest {
			t.Errorf("%s: %+v and %+v", c.name, d.met, a.met)
		}
		if paired := c.dials.paired(); (d.met.key != nil) != paired || (a.met.key != nil) != paired ||
			paired && !(d.met.key.Equal(c.takes.Own.Public()) && a.met.key.Equal(c.dials.Own.Public())) {
			t.Errorf("%s: keys %x and %x", c.name, d.met.key, a.met.key)
		}
	}
}

// TestTLS is what is asked of TLS itself.
func TestTLS(t *testing.T) {
	d, a := shakeBoth(t, dials(pairedWith("a", "b")), takes(pairedWith("b", "a")))
	if d.err != nil || a.err != nil {
		t.Fatal(d.err, a.err)
	}
	for _, m := range []met{d.met, a.met} {
		s := m.tls.ConnectionState()
		if s.Version != tls.VersionTLS13 || s.ServerName != "" || s.DidResume || s.NegotiatedProtocol != "rempart/1" {
			t.Errorf("version %x, server %q, resumed %v, protocol %q", s.Version, s.ServerName, s.DidResume, s.NegotiatedProtocol)
		}
	}
}

// Another version of TLS, another protocol in it and an end without a certificate are not spoken with.
func TestOtherTLS(t *testing.T) {
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":          func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"another protocol": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"no protocol":      func(c *tls.Config) { c.NextProtos = nil },
		"no certificate":   func(c *tls.Config) { c.Certificates = nil },
	} {
		for _, as := range []end{dialler, acceptor} {
			if as == acceptor && name == "no certificate" {
				continue // of such an end the client's own TLS says what is wrong
			}
			calls, called := line(t)
			ours, theirs := calls, called
			other := takes(pairedWith("b", "a"))
			if as == acceptor {
				ours, theirs = called, calls
				other = dials(pairedWith("b", "a"))
			}
			config, err := other.config()
			if err != nil {
				t.Fatal(err)
			}
			config.VerifyConnection = nil
			change(config)
			done := make(chan error)
			go func() {
				_, err := side{as: as, mine: hello{session: 7}, trust: pairedWith("a", "b")}.shake(ours)
				ours.Close()
				done <- err
			}()
			c := tls.Client(theirs, config)
			if as == dialler {
				c = tls.Server(theirs, config)
			}
			_, _ = c.Read(make([]byte, 1)) // it is what the other end says that counts
			theirs.Close()
			if err := <-done; !errors.Is(err, errMagic) {
				t.Errorf("%s, as %c: %v", name, as, err)
			}
		}
	}
}

// Clocks may be a year apart, or have lost all.
func TestClocks(t *testing.T) {
	for _, now := range []time.Time{
		time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0),
		time.Unix(1, 0), time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		for _, as := range []end{dialler, acceptor} {
			calls, called := line(t)
			mine, theirs := calls, called
			other := takes(pairedWith("b", "a"))
			if as == acceptor {
				mine, theirs = called, calls
				other = dials(pairedWith("b", "a"))
			}
			config, err := other.config()
			if err != nil {
				t.Fatal(err)
			}
			config.Time = func() time.Time { return now }
			if c := config.Certificates[0].Leaf; now.Before(c.NotBefore) || now.After(c.NotAfter) {
				t.Errorf("the certificate is valid from %v to %v", c.NotBefore, c.NotAfter)
			}
			c := tls.Client(theirs, config)
			if as == dialler {
				c = tls.Server(theirs, config)
			}
			done := make(chan error)
			go func() {
				err := c.Handshake()
				if err == nil {
					var m met
					err = other.greet(c, bindingOf(t, c), &m)
				}
				done <- err
			}()
			_, err = side{as: as, mine: ours(7), trust: pairedWith("a", "b")}.shake(mine)
			if it := <-done; err != nil || it != nil {
				t.Errorf("%v, as %c: %v, %v", now, as, err, it)
			}
		}
	}
}

// A later version adds fields, features and versions, and works together with this one.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		name    string
		other   hello
		version uint16
		want    error
	}{
		{"the same", hello{newest: newest, oldest: oldest}, newest, nil},
		{"the next, that still speaks ours", hello{newest: newest + 1, oldest: oldest}, newest, nil},
		{"the next, that does not", hello{newest: newest + 1, oldest: newest + 1}, 0, errVersion},
		{"an earlier one that we do not speak", hello{newest: oldest - 1, oldest: oldest - 1}, 0, errVersion},
		{"none", hello{newest: 1, oldest: 2}, 0, errMagic},
	} {
		c.other.session, c.other.features = 2, 1<<63|1
		called := takes(pairedWith("b", "a"))
		called.mine = c.other
		d, a := shakeBoth(t, dials(pairedWith("a", "b")), called)
		if !errors.Is(d.err, c.want) || d.met.version != c.version && c.want == nil || d.met.features != 0 && c.want == nil {
			t.Errorf("%s: %+v, %v", c.name, d.met, d.err)
		}
		if c.want == errVersion && !errors.Is(a.err, errVersion) {
			t.Errorf("%s: the other end says %v", c.name, a.err)
		}
	}
}

// Both ends have features for one to be used.
func TestFeatures(t *testing.T) {
	calls, called := dials(pairedWith("a", "b")), takes(pairedWith("b", "a"))
	calls.mine.features, called.mine.features = 0b0110, 0b1100
	d, a := shakeBoth(t, calls, called)
	if d.err != nil || a.err != nil || d.met.features != 0b0100 || a.met.features != 0b0100 {
		t.Errorf("%b, %v and %b, %v", d.met.features, d.err, a.met.features, a.err)
	}
}

// A node with the session of this one is refused, should it have another key.
func TestSameSession(t *testing.T) {
	called := takes(pairedWith("b", "a"))
	called.mine = ours(1)
	if d, a := shakeBoth(t, dials(pairedWith("a", "b")), called); !errors.Is(d.err, errSelf) || !errors.Is(a.err, errSelf) {
		t.Errorf("%v and %v", d.err, a.err)
	}
}

// recorded is a connection that keeps what was said on it.
type recorded struct {
	net.Conn
	said bytes.Buffer
}

func (r *recorded) Write(b []byte) (int, error) {
	r.said.Write(b)
	return r.Conn.Write(b)
}

// TestTruncatedHandshake: an end that goes at any byte of what it says in a handshake leaves it unfinished.
func TestTruncatedHandshake(t *testing.T) {
	left, right := line(t)
	said := &recorded{Conn: left}
	done := make(chan error)
	go func() { _, err := takes(pairedWith("b", "a")).shake(right); done <- err }()
	if _, err := dials(pairedWith("a", "b")).shake(said); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := said.said.Bytes()
	var c counters
	for n := 0; n < len(all); n += 1 + n/16 {
		calls, called := line(t)
		if _, err := calls.Write(all[:n]); err != nil {
			t.Fatal(err)
		}
		if err := calls.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, err := takes(pairedWith("b", "a")).shake(called)
		// What was said to another challenge is refused as soon as that shows.
		if cause := c.of(err); err == nil || cause.counter != &c.unfinished && cause.counter != &c.malformed {
			t.Errorf("the first %d bytes of %d: %v", n, len(all), err)
		}
		calls.Close()
		called.Close()
	}
	if c.of(io.EOF).counter != &c.unfinished {
		t.Error("an end is not unfinished")
	}
}

// A stranger hears nothing before he has said all of TLS's hello.
func TestAcceptorIsSilentFirst(t *testing.T) {
	left, right := line(t)
	if _, err := left.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 252}); err != nil { // the beginning of one
		t.Fatal(err)
	}
	if err := left.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said := &recorded{Conn: right}
	if _, err := takes(pairedWith("b", "a")).shake(said); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if said.said.Len() > 0 {
		t.Errorf("%d bytes are said to part of a hello", said.said.Len())
	}
}

func BenchmarkHandshake(b *testing.B) {
	for b.Loop() {
		if d, a := shakeBoth(b, dials(pairedWith("a", "b")), takes(pairedWith("b", "a"))); d.err != nil || a.err != nil {
			b.Fatal(d.err, a.err)
		}
	}
}

// bindingOf is what the ends of a TLS connection know.
func bindingOf(t *testing.T, c *tls.Conn) binding {
	t.Helper()
	state := c.ConnectionState()
	b, err := state.ExportKeyingMaterial(exporterLabel, nil, bindingLen)
	if err != nil {
		t.Error(err)
	}
	return b
}
