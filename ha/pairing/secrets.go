package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// end is one end of an exchange. It stands in all that an end proves, so that
// nobody's proof can be sent back to him.
type end string

const (
	dialling end = "dialler"
	hosting  end = "host"
)

const (
	rootLen = 32
	idLen   = 16
)

var errSealed = errors.New("what the other node says of itself is damaged")

// secrets are what both ends derive from the key of the exchange and from all
// that was said before it was known: another code, or another word of either
// end, gives others.
type secrets struct{ key []byte }

func newSecrets(isk, helloBytes, replyBytes []byte) (secrets, error) {
	said := sha256.Sum256(appendLV(nil, helloBytes, replyBytes))
	key, err := hkdf.Extract(sha256.New, isk, said[:])
	return secrets{key: key}, err
}

// derive is a secret for one purpose.
func (s secrets) derive(purpose string, length int) ([]byte, error) {
	return hkdf.Expand(sha256.New, s.key, "rempart pairing 1 "+purpose, length)
}

// confirm shows that an end has the key, and that it is the one that said this.
func (s secrets) confirm(by end, said []byte) ([]byte, error) {
	key, err := s.derive("confirm "+string(by), sha256.Size)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, key)
	m.Write(said)
	return m.Sum(nil), nil
}

// confirms says whether a confirmation is right.
func (s secrets) confirms(got []byte, by end, said []byte) (bool, error) {
	want, err := s.confirm(by, said)
	return err == nil && hmac.Equal(got, want), err
}

// challenge is what an end signs to show that it has its private key.
func (s secrets) challenge(by end) ([]byte, error) { return s.derive("possession "+string(by), 32) }

// seal encrypts what an end says of itself; it does so once, so that the nonce may be zero.
func (s secrets) seal(by end, text []byte) ([]byte, error) {
	a, err := s.aead(by)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, make([]byte, a.NonceSize()), text, nil), nil
}

// open decrypts it. The confirmation was compared before, because AES-GCM alone does not
// say that there is but one key with which a text can be opened.
func (s secrets) open(by end, sealed []byte) ([]byte, error) {
	a, err := s.aead(by)
	if err != nil {
		return nil, err
	}
	text, err := a.Open(nil, make([]byte, a.NonceSize()), sealed, nil)
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}

func (s secrets) aead(by end) (cipher.AEAD, error) {
	key, err := s.derive("identity "+string(by), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// root is what the pair derives its keys from.
func (s secrets) root() ([]byte, error) { return s.derive("root", rootLen) }

// id names the bond that this exchange made. It is no secret.
func (s secrets) id() (string, error) {
	b, err := s.derive("id", idLen)
	return hex.EncodeToString(b), err
}
