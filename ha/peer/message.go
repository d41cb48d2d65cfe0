package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
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
//	length of body   4
//	kind             1
//	id               4
//	length of topic  1
//	topic
//	body                in parts of 64 KiB; in front of each but the first is a mark
type message struct {
	kind  kind
	id    uint32
	topic string
	body  []byte
}

const (
	headLen    = 4 + 1 + 4 + 1
	maxMessage = 64 << 20 // of a body
	maxTopic   = 255
	partLen    = 64 << 10
)

// The marks in front of a part.
const (
	broken byte = iota // no part follows: the sender has given the message up
	onward             // it follows
)

// What may be wrong with a message.
var (
	errLength = errors.New("the length of a message is out of range")
	errFormat = errors.New("a message has no such form")
	// errBroken is no fault of the connection: another message follows.
	errBroken = errors.New("the sender gave the message up")
)

// fits says whether a message can be sent.
func (m message) fits() error {
	if len(m.topic) > maxTopic {
		return fmt.Errorf("a kind of %d bytes is longer than %d", len(m.topic), maxTopic)
	}
	if len(m.body) > maxMessage {
		return fmt.Errorf("a message of %d bytes is longer than %d", len(m.body), maxMessage)
	}
	return nil
}

// appendHead adds a message, which fits, without its body.
func (m message) appendHead(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.body)))
	b = append(b, byte(m.kind))
	b = binary.BigEndian.AppendUint32(b, m.id)
	b = append(b, byte(len(m.topic)))
	return append(b, m.topic...)
}

// parts hands a message to write, head and marks with the parts that they are in front of. Between two
// parts it asks whether to go on; when not, the message is broken off.
func (m message) parts(buffer []byte, goOn func() error, write func([]byte) error) error {
	b := m.appendHead(buffer[:0])
	for rest := m.body; ; b = append(b[:0], onward) {
		n := min(len(rest), partLen)
		if err := write(append(b, rest[:n]...)); err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
		if why := goOn(); why != nil {
			if err := write(append(b[:0], broken)); err != nil {
				return err
			}
			return why
		}
	}
}

// readMessage reads the next message. Its body is the caller's.
func readMessage(r io.Reader) (message, error) {
	var head [headLen + maxTopic]byte
	if _, err := io.ReadFull(r, head[:headLen]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return message{}, errLength
	}
	m := message{kind: kind(head[4]), id: binary.BigEndian.Uint32(head[5:])}
	if m.kind == 0 || m.kind >= kindEnd {
		return message{}, errFormat
	}
	topic := head[headLen:][:head[9]]
	if _, err := io.ReadFull(r, topic); err != nil {
		return message{}, cut(err)
	}
	m.topic = string(topic)
	var err error
	m.body, err = readBody(r, int(n))
	return m, err
}

// readBody takes memory for what has come, and as much again, not for what is announced.
func readBody(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, 0, min(n, partLen))
	for len(b) < n {
		if len(b) > 0 {
			if err := readMark(r); err != nil {
				return nil, err
			}
		}
		k := min(n-len(b), partLen)
		if len(b)+k > cap(b) {
			b = append(make([]byte, 0, min(n, 2*cap(b))), b...)
		}
		if _, err := io.ReadFull(r, b[len(b):len(b)+k]); err != nil {
			return nil, cut(err)
		}
		b = b[:len(b)+k]
	}
	return b, nil
}

func readMark(r io.Reader) error {
	var mark [1]byte
	if _, err := io.ReadFull(r, mark[:]); err != nil {
		return cut(err)
	}
	switch mark[0] {
	case onward:
		return nil
	case broken:
		return errBroken
	}
	return errFormat
}

// cut is the error of an end amid a message.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
