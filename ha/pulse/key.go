package pulse

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// Key authenticates heartbeats.
type Key [32]byte

// DeriveKey makes the key of heartbeats of a secret that serves other ends too. The last
// figure of the label is the version of the wire format: a new format is a new key.
func DeriveKey(secret []byte) Key {
	b, err := hkdf.Key(sha256.New, secret, nil, "rempart heartbeat 1", len(Key{}))
	if err != nil {
		panic("pulse: " + err.Error()) // only of a length that SHA-256 cannot give
	}
	return Key(b)
}

// MaxFrame is the largest frame of a heartbeat: with UDP and IPv6 around it, it fits the
// smallest network that IPv6 knows.
const MaxFrame = 1200

const (
	header  = "RPHB\x01"
	version = len(header) - 1 // where its byte stands
	macLen  = 16              // HMAC-SHA256, cut to half as RFC 2104 section 5 allows
)

// The reasons why a frame is refused, in the order in which they are looked for.
var (
	ErrShort     = errors.New("heartbeat is too short")
	ErrMagic     = errors.New("not a heartbeat")
	ErrVersion   = errors.New("heartbeat of another version")
	ErrAuth      = errors.New("heartbeat of another secret")
	ErrMalformed = errors.New("malformed heartbeat")
)

// Keyring is the key that a node seals with and those that it accepts: two while the
// secret changes. Send is accepted only where Accept has it too. Its methods may be called
// from any goroutine while its fields stay as they are.
type Keyring struct {
	Send   Key
	Accept []Key
}

// Seal appends the frame of a heartbeat to b. It never fails, and no frame is longer than MaxFrame: names that are
// too long are cut, and what does not fit any more is left out, the members of Paths first, then those of
// Accepts, Addresses and Groups.
func (k *Keyring) Seal(b []byte, beat *Beat) []byte {
	start := len(b)
	b = beat.append(append(b, header...), start+MaxFrame-macLen)
	mac := hmac.New(sha256.New, k.Send[:])
	mac.Write(b[start:])
	var sum [sha256.Size]byte
	return append(b, mac.Sum(sum[:0])[:macLen]...)
}

// Open is the heartbeat in a frame, or the reason why there is none: ErrShort, ErrMagic,
// ErrVersion, ErrAuth, or ErrMalformed with what is wrong. No field is looked at before the frame is
// known to come from a holder of an accepted key. Fields that this version does not know are skipped.
func (k *Keyring) Open(frame []byte) (Beat, error) {
	if len(frame) < len(header)+macLen {
		return Beat{}, ErrShort
	}
	if string(frame[:version]) != header[:version] {
		return Beat{}, ErrMagic
	}
	if frame[version] != header[version] {
		return Beat{}, ErrVersion
	}
	// Nobody of ours sends it: not worth a digest.
	if len(frame) > MaxFrame {
		return Beat{}, malformed("%d bytes", len(frame))
	}
	body, sum := frame[:len(frame)-macLen], frame[len(frame)-macLen:]
	if !k.accepts(body, sum) {
		return Beat{}, ErrAuth
	}
	return parse(body[len(header):])
}

func (k *Keyring) accepts(body, sum []byte) bool {
	var own [sha256.Size]byte
	for i := range k.Accept {
		mac := hmac.New(sha256.New, k.Accept[i][:])
		mac.Write(body)
		if hmac.Equal(mac.Sum(own[:0])[:macLen], sum) {
			return true
		}
	}
	return false
}
