package pairing

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/cloudflare/circl/group"
)

// met is what an end knows of the other after an exchange, and what both now share.
type met struct {
	identity
	id   string
	root []byte
}

// roles is what both ends put into the generator: who speaks with whom about what.
func roles() []byte {
	return appendLV(nil, []byte("rempart pairing 1"), []byte(dialling), []byte(hosting))
}

// dialler is the end that was given the code.
type dialler struct {
	own     identity
	private ed25519.PrivateKey
	sid     []byte
	share   share
	hello   []byte
	secrets secrets
	proof   []byte
}

// newDialler begins an exchange; its first message is hello.
func newDialler(c code, own identity, private ed25519.PrivateKey) (*dialler, error) {
	d := &dialler{own: own, private: private, sid: make([]byte, sidLen)}
	rand.Read(d.sid)
	var err error
	d.share, err = newShare(generator([]byte(c), roles(), d.sid), group.P256.RandomNonZeroScalar(rand.Reader))
	if err != nil {
		return nil, err
	}
	d.hello = newMessage(hello, appendField(appendField(nil, tagSID, d.sid), tagShare, d.share.point))
	return d, nil
}

// onReply takes the host's share and returns the proof.
func (d *dialler) onReply(b []byte) ([]byte, error) {
	f, err := parseMessage(b, reply)
	if err != nil {
		return nil, err
	}
	k, err := d.share.secret(f[tagShare])
	if err != nil {
		return nil, err
	}
	isk := intermediate(d.sid, k, d.share.point, nil, f[tagShare], nil)
	if d.secrets, err = newSecrets(isk, d.hello, b); err != nil {
		return nil, err
	}
	d.proof, err = d.secrets.introduce(proof, dialling, d.own, d.private, nil)
	return d.proof, err
}

// onAnswer takes the host's identity and returns the last message, to be sent once met is kept.
func (d *dialler) onAnswer(b []byte) (met, []byte, error) {
	m, err := d.secrets.acquainted(b, answer, hosting, d.proof)
	if err != nil {
		return met{}, nil, err
	}
	if m.key.Equal(d.own.key) {
		return met{}, nil, ErrItself
	}
	tag, err := d.secrets.confirm(dialling, appendLV(nil, []byte("done"), b))
	if err != nil {
		return met{}, nil, err
	}
	return m, newMessage(done, appendField(nil, tagConfirm, tag)), nil
}

// host is the end that shows the code, in one exchange.
type host struct {
	hello   []byte
	sid     []byte
	point   []byte
	own     identity
	private ed25519.PrivateKey
	secrets secrets
	answer  []byte
}

// newHost takes a dialler's hello. An error is one to whose sender nothing is said.
func newHost(b []byte, own identity, private ed25519.PrivateKey) (*host, error) {
	f, err := parseMessage(b, hello)
	if err != nil {
		return nil, err
	}
	sid, err := f.fixed(tagSID, sidLen)
	if err != nil {
		return nil, err
	}
	if _, err := parsePoint(f[tagShare]); err != nil {
		return nil, err
	}
	return &host{hello: b, sid: sid, point: f[tagShare], own: own, private: private}, nil
}

// reply is this end's share. It gives nothing away, but the proof that follows it is a guess at the code.
func (h *host) reply(c code) ([]byte, error) {
	s, err := newShare(generator([]byte(c), roles(), h.sid), group.P256.RandomNonZeroScalar(rand.Reader))
	if err != nil {
		return nil, err
	}
	k, err := s.secret(h.point)
	if err != nil {
		return nil, err
	}
	b := newMessage(reply, appendField(nil, tagShare, s.point))
	h.secrets, err = newSecrets(intermediate(h.sid, k, h.point, nil, s.point, nil), h.hello, b)
	return b, err
}

// onProof takes the dialler's identity and returns the answer, to be sent once met is kept.
func (h *host) onProof(b []byte) (met, []byte, error) {
	m, err := h.secrets.acquainted(b, proof, dialling, nil)
	if err != nil {
		return met{}, nil, err
	}
	if m.key.Equal(h.own.key) {
		return met{}, nil, ErrItself
	}
	h.answer, err = h.secrets.introduce(answer, hosting, h.own, h.private, b)
	return m, h.answer, err
}

// onDone takes the dialler's word that it keeps the pairing.
func (h *host) onDone(b []byte) error {
	f, err := parseMessage(b, done)
	if err != nil {
		return err
	}
	right, err := h.secrets.confirms(f[tagConfirm], dialling, appendLV(nil, []byte("done"), h.answer))
	if err == nil && !right {
		err = errFormat
	}
	return err
}

// introduce is a message by which an end confirms the key and says who it is. after
// is the message before it, if its sender proved the key as well.
func (s secrets) introduce(k kind, by end, own identity, private ed25519.PrivateKey, after []byte) ([]byte, error) {
	challenge, err := s.challenge(by)
	if err != nil {
		return nil, err
	}
	sealed, err := s.seal(by, appendIdentity(nil, own, ed25519.Sign(private, challenge)))
	if err != nil {
		return nil, err
	}
	tag, err := s.confirm(by, appendLV(nil, after, sealed))
	if err != nil {
		return nil, err
	}
	return newMessage(k, appendField(appendField(nil, tagConfirm, tag), tagSealed, sealed)), nil
}

// acquainted reads such a message. The other end has another code when it does not confirm the key.
func (s secrets) acquainted(b []byte, k kind, by end, after []byte) (met, error) {
	f, err := parseMessage(b, k)
	if err != nil {
		return met{}, err
	}
	right, err := s.confirms(f[tagConfirm], by, appendLV(nil, after, f[tagSealed]))
	if err != nil {
		return met{}, err
	}
	if !right {
		return met{}, ErrWrong
	}
	text, err := s.open(by, f[tagSealed])
	if err != nil {
		return met{}, err
	}
	challenge, err := s.challenge(by)
	if err != nil {
		return met{}, err
	}
	m := met{}
	if m.identity, err = parseIdentity(text, challenge); err != nil {
		return met{}, err
	}
	root, errRoot := s.root()
	id, errID := s.id()
	m.root, m.id = root, id
	m.known = slices.Clip(m.known)
	return m, errors.Join(errRoot, errID)
}
