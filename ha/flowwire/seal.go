package flowwire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// Key seals the frames of one direction between two runs of two programs.
type Key [32]byte

// The labels of what is derived. The figure is the version of the wire format: a new format is a new key.
const (
	keyLabel  = "rempart flows 1"
	hintLabel = "rempart flows 1 hint"
)

// DeriveKey makes the key of frames from one run of a program to one of its peer, by HKDF-SHA256, of a secret that
// serves other ends too. As both runs take part, a frame that was recorded in an earlier run opens in no other, and as their
// order does, no frame opens at its sender.
func DeriveKey(secret [32]byte, from, to uint64) Key {
	var salt [16]byte
	binary.BigEndian.PutUint64(salt[:], from)
	binary.BigEndian.PutUint64(salt[8:], to)
	return Key(derive(secret[:], salt[:], keyLabel, len(Key{})))
}

func derive(secret, salt []byte, label string, n int) []byte {
	b, err := hkdf.Key(sha256.New, secret, salt, label, n)
	if err != nil {
		panic("flowwire: " + err.Error()) // only of a length that SHA-256 cannot give
	}
	return b
}

// Header is what stands before a sealed body: readable by all, changed by nobody.
type Header struct {
	// Epoch is a count of the sender's fresh starts under one key.
	Epoch uint32
	// Seq rises with each frame of an epoch, from 1. It stays below 1<<48. No pair of Epoch and Seq is sealed twice under
	// one key: that is what the secrecy of AES-GCM rests on.
	Seq uint64
}

const (
	version    = 1
	headerSize = 13
	tagSize    = 16
	nonceSize  = 12
)

// Overhead is what a frame has besides its body, in bytes.
const Overhead = headerSize + tagSize

// Seal seals and opens the frames of one key, with AES-256-GCM. It is for one goroutine at a time.
type Seal struct {
	aead cipher.AEAD
	hint uint16 // in clear in each frame, so that of several keys the one to try is known; two keys may have the same
	// nonce is here because what goes through an interface would else be allocated for each frame.
	nonce [nonceSize]byte
}

// NewSeal makes the Seal of a key.
func NewSeal(k Key) *Seal {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("flowwire: " + err.Error()) // only of a length that AES does not have
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("flowwire: " + err.Error()) // only of a block that is not 16 bytes
	}
	return &Seal{aead: aead, hint: binary.BigEndian.Uint16(derive(k[:], nil, hintLabel, 2))}
}

// Seal appends the frame of a body to dst. Body and the room behind dst are apart.
func (s *Seal) Seal(dst []byte, h Header, body []byte) []byte {
	start := len(dst)
	dst = append(dst, version)
	dst = binary.BigEndian.AppendUint16(dst, s.hint)
	dst = binary.BigEndian.AppendUint32(dst, h.Epoch)
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Seq>>32))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Seq))
	s.number(h)
	return s.aead.Seal(dst, s.nonce[:], body, dst[start:start+headerSize])
}

// Open is what a frame says, or the reason why it says nothing: ErrShort, ErrVersion, ErrHint or ErrAuth. The body
// takes the room of dst, which is overwritten and may be that of the sealed body itself.
func (s *Seal) Open(dst, frame []byte) (Header, []byte, error) {
	if len(frame) < Overhead {
		return Header{}, nil, ErrShort
	}
	if frame[0] != version {
		return Header{}, nil, ErrVersion
	}
	if binary.BigEndian.Uint16(frame[1:]) != s.hint {
		return Header{}, nil, ErrHint
	}
	h := Header{
		Epoch: binary.BigEndian.Uint32(frame[3:]),
		Seq:   uint64(binary.BigEndian.Uint16(frame[7:]))<<32 | uint64(binary.BigEndian.Uint32(frame[9:])),
	}
	s.number(h)
	body, err := s.aead.Open(dst[:0], s.nonce[:], frame[headerSize:], frame[:headerSize])
	if err != nil {
		return Header{}, nil, ErrAuth
	}
	return h, body, nil
}

// number makes the nonce of a frame. All of Seq is in it: one that the wire cannot carry opens nowhere, and repeats no
// nonce.
func (s *Seal) number(h Header) {
	binary.BigEndian.PutUint32(s.nonce[:], h.Epoch)
	binary.BigEndian.PutUint64(s.nonce[4:], h.Seq)
}
