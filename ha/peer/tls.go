package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// protocol is what both ends ask TLS for (RFC 7301).
const protocol = "rempart/1"

// always is how long a certificate is valid: from before any clock to RFC 5280's "no well-defined
// expiration date" (4.1.2.5).
var always = [2]time.Time{time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}

// certificate wraps the key of this node in what TLS carries keys in.
func (t Trust) certificate() (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: string(t.claim())},
		NotBefore: always[0], NotAfter: always[1], KeyUsage: x509.KeyUsageDigitalSignature,
	}
	b, err := x509.CreateCertificate(rand.Reader, template, template, t.Own.Public(), t.Own)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(b)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{b}, PrivateKey: t.Own, Leaf: leaf}, nil
}

// config has TLS ask for the key of the other end, and lets no other through than judge does.
func (s side) config() (*tls.Config, error) {
	own, err := s.trust.certificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		NextProtos:   []string{protocol},
		MinVersion:   tls.VersionTLS13,
		// There is no authority and no name: the key itself is checked.
		InsecureSkipVerify: true,
		ClientAuth:         tls.RequireAnyClientCert,
		VerifyConnection:   s.verify,
		// A ticket would let an end in whose key is no longer believed.
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}, nil
}

// verify is what TLS is told of the other end. An end that it refuses hears of an alert that says no
// more than that.
func (s side) verify(state tls.ConnectionState) error {
	other, err := shownBy(state)
	if err != nil {
		return err
	}
	err = s.trust.judge(other, s.former)
	if s.as == dialler && (errors.Is(err, errSelf) || errors.Is(err, errUnpaired) || errors.Is(err, errPaired)) {
		// The other end will see this by itself once it has our certificate, and its log says more then
		// than of an alert. secure does not go on.
		return nil
	}
	return err
}

// secure makes a TLS connection of a plain one, to an end that is believed.
func (s side) secure(raw net.Conn) (*tls.Conn, ed25519.PublicKey, error) {
	config, err := s.config()
	if err != nil {
		return nil, nil, err
	}
	c := tls.Client(raw, config)
	if s.as == acceptor {
		c = tls.Server(raw, config)
	}
	if err := c.Handshake(); err != nil {
		return nil, nil, explain(err)
	}
	other, err := shownBy(c.ConnectionState())
	if err != nil {
		return nil, nil, err
	}
	return c, other.key, s.trust.judge(other, s.former)
}

// badCertificate is the text of the alert that package tls sends to who is not believed (RFC 8446,
// 6.2); its type is not exported.
const badCertificate = "tls: bad certificate"

// explain makes one of our errors of what package tls says when a handshake fails.
func explain(err error) error {
	var alert *net.OpError
	switch {
	case alerted(err) && errors.As(err, &alert) && alert.Err.Error() == badCertificate:
		return errDisbelieved
	case verdict(err), !alerted(err) && lost(err):
		return err
	}
	return fmt.Errorf("%w: %w", errMagic, err)
}

// verdict says whether this end has refused the other.
func verdict(err error) bool {
	for _, v := range []error{errSelf, errUnpaired, errPaired, errFormer, errUnknown, errMagic} {
		if errors.Is(err, v) {
			return true
		}
	}
	return false
}

// alerted says whether an error is an alert of TLS, of either end.
func alerted(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// lost says whether an error is of the network or of the time that was given.
func lost(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
