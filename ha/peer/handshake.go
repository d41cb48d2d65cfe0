package peer

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// side is one end of a handshake: what it is, says and believes.
type side struct {
	as     end
	mine   hello
	trust  Trust
	former func(key ed25519.PublicKey) bool
}

// met is what an end has after the handshake.
type met struct {
	tls     *tls.Conn
	key     ed25519.PublicKey // the other's; nil when the nodes are not paired
	session uint64            // the other's
	// version and features are what both speak.
	version  uint16
	features uint64
}

// shake is the handshake at one end.
func (s side) shake(raw net.Conn) (met, error) {
	c, key, err := s.secure(raw)
	if err != nil {
		return met{}, err
	}
	m := met{tls: c}
	if s.trust.paired() {
		m.key = key
	}
	state := c.ConnectionState()
	b, err := state.ExportKeyingMaterial(exporterLabel, nil, bindingLen)
	if err != nil {
		return met{}, err
	}
	if err := s.greet(c, binding(b), &m); err != nil {
		if alerted(err) {
			err = explain(err) // of TLS 1.3 the dialler hears only here that it is refused
		}
		return met{}, err
	}
	return m, nil
}

// greet is what is said inside TLS before a connection may stand. The acceptor speaks first, so that
// nothing is under way to it when it refuses the dialler: the kernel may drop its alert then.
func (s side) greet(rw io.ReadWriter, b binding, m *met) error {
	if s.as == acceptor {
		if _, err := rw.Write(s.mine.append(nil)); err != nil {
			return err
		}
	}
	other, err := readHello(rw)
	if err != nil {
		return err
	}
	if s.as == dialler {
		// Before it is judged, so that the other end can judge as well.
		if _, err := rw.Write(s.mine.append(nil)); err != nil {
			return err
		}
	}
	if m.version, err = s.mine.version(other); err != nil {
		return err
	}
	if other.session == s.mine.session {
		return errSelf
	}
	m.session, m.features = other.session, s.mine.features&other.features
	err = b.proveSecret(rw, s.as, s.trust.Keys)
	if s.trust.paired() && (errors.Is(err, errSecret) || errors.Is(err, errNoKey)) {
		return errRestored
	}
	return err
}
