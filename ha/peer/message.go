package peer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// kind is what a message is.
type kind byte

const (
	stand   kind = iota + 1 // the connection is the one that stands
	ask                     // topic and body are a question
	answer                  // body answers the question of the same id
	refusal                 // body says why there is no answer
	goodbye                 // body says why the sender closes the connection
	kindEnd
)

// message is one of them, as it is on the wire:
//
//	length of what follows  4
//	number                  8   1, 2, 3 ... in each direction
//	kind                    1
//	id                      4
//	length of topic         1
//	topic, body
//	HMAC-SHA256            16   of all before
type message struct {
	kind  kind
	id    uint32
	topic string
	body  []byte
}

const (
	lengthLen  = 4
	fixedLen   = 8 + 1 + 4 + 1
	macLen     = 16
	minMessage = fixedLen + macLen
	maxMessage = 1 << 20
	maxTopic   = 255
)

// What may be wrong with a message.
var (
	errLength = errors.New("the length of a message is out of range")
	errForged = errors.New("a message is not by the holder of the key")
	errNumber = errors.New("a message is missing or came twice")
	errFormat = errors.New("a message has no such form")
)

// seal is one direction of a connection: its key, and the number of its last message.
type seal struct {
	mac    hash.Hash
	number uint64
}

func newSeal(key []byte) *seal { return &seal{mac: hmac.New(sha256.New, key)} }

func (s *seal) sum(b []byte) []byte {
	s.mac.Reset()
	s.mac.Write(b)
	return s.mac.Sum(nil)[:macLen]
}

// fits says whether a message can be sent.
func (m message) fits() error {
	if len(m.topic) > maxTopic {
		return fmt.Errorf("a kind of %d bytes is longer than %d", len(m.topic), maxTopic)
	}
	if n := minMessage + len(m.topic) + len(m.body); n > maxMessage {
		return fmt.Errorf("a message of %d bytes is longer than %d", n, maxMessage)
	}
	return nil
}

// append adds the next message, which fits.
func (s *seal) append(b []byte, m message) []byte {
	start := len(b)
	s.number++
	b = binary.BigEndian.AppendUint32(b, uint32(minMessage+len(m.topic)+len(m.body)))
	b = binary.BigEndian.AppendUint64(b, s.number)
	b = append(b, byte(m.kind))
	b = binary.BigEndian.AppendUint32(b, m.id)
	b = append(b, byte(len(m.topic)))
	b = append(b, m.topic...)
	b = append(b, m.body...)
	return append(b, s.sum(b[start:])...)
}

// read reads the next message and checks it. Its body is the caller's.
func (s *seal) read(r io.Reader) (message, error) {
	var length [lengthLen]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < minMessage || n > maxMessage {
		return message{}, errLength
	}
	b := make([]byte, lengthLen+n)
	copy(b, length[:])
	if _, err := io.ReadFull(r, b[lengthLen:]); err != nil {
		return message{}, err
	}
	return s.parse(b)
}

// parse checks a message with its length in front.
func (s *seal) parse(b []byte) (message, error) {
	if len(b) < lengthLen+minMessage || uint64(binary.BigEndian.Uint32(b)) != uint64(len(b)-lengthLen) {
		return message{}, errLength
	}
	text, mac := b[:len(b)-macLen], b[len(b)-macLen:]
	if !hmac.Equal(mac, s.sum(text)) {
		return message{}, errForged
	}
	text = text[lengthLen:]
	if binary.BigEndian.Uint64(text) != s.number+1 {
		return message{}, errNumber
	}
	m := message{kind: kind(text[8]), id: binary.BigEndian.Uint32(text[9:])}
	topic := int(text[13])
	text = text[fixedLen:]
	if m.kind == 0 || m.kind >= kindEnd || topic > len(text) {
		return message{}, errFormat
	}
	s.number++
	m.topic, m.body = string(text[:topic]), text[topic:]
	return m, nil
}
