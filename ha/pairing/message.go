package pairing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// kind is what a message of the exchange is.
type kind byte

const (
	hello   kind = iota + 1 // of the dialler: sid, share
	reply                   // of the host: share
	proof                   // of the dialler: confirmation, sealed identity
	answer                  // of the host: confirmation, sealed identity
	done                    // of the dialler: confirmation
	refusal                 // of the host: reason
)

func (k kind) String() string {
	names := []string{hello: "hello", reply: "reply", proof: "proof", answer: "answer", done: "done", refusal: "refusal"}
	if int(k) < len(names) && k > 0 {
		return names[k]
	}
	return fmt.Sprintf("message %d", k)
}

// limit is how long the fields of a message may be. It has room for what a later version adds.
func (k kind) limit() int {
	if k == proof || k == answer {
		return 16 << 10
	}
	return 512
}

// A message is, on the wire:
//
//	magic    4
//	version  1   that its sender speaks; every later one understands the first
//	kind     1
//	length   2   of what follows
//	fields       tag 1, length 2, value: those that are not known are skipped
const (
	magic   = "RPPR"
	version = 1
	headLen = len(magic) + 1 + 1 + 2
)

// tag names a field.
type tag byte

const (
	tagSID tag = iota + 1
	tagShare
	tagConfirm
	tagSealed
	tagReason
	// Of an identity.
	tagNode
	tagKey
	tagSignature
	tagKnown
	tagCalled
	// Of a rotation.
	tagID
	tagFresh
	tagHalf
	tagVoucher
	tagStatus
	tagTo
	tagAgreed
)

// What may be wrong with a message.
var (
	errMagic  = errors.New("it speaks another protocol")
	errLength = errors.New("a message is longer than it may be")
	errFormat = errors.New("a message has no such form")
)

// fields are what a message says, by their tags.
type fields map[tag][]byte

// appendField adds a field, which is shorter than 64 KiB.
func appendField(b []byte, t tag, value []byte) []byte {
	b = append(b, byte(t))
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

// parseFields reads fields to the end of b. None may be there twice, so that two readers cannot disagree.
func parseFields(b []byte) (fields, error) {
	all := make(fields)
	for len(b) > 0 {
		if len(b) < 3 {
			return nil, errFormat
		}
		t, n := tag(b[0]), int(binary.BigEndian.Uint16(b[1:]))
		if b = b[3:]; n > len(b) {
			return nil, errFormat
		}
		if _, twice := all[t]; twice {
			return nil, errFormat
		}
		all[t], b = b[:n:n], b[n:]
	}
	return all, nil
}

// fixed is a field of so many bytes.
func (f fields) fixed(t tag, length int) ([]byte, error) {
	if len(f[t]) != length {
		return nil, errFormat
	}
	return f[t], nil
}

// newMessage is a message with fields that fit.
func newMessage(k kind, body []byte) []byte {
	b := append([]byte(magic), version, byte(k))
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// parseHead reads what stands before the fields.
func parseHead(b []byte) (k kind, length int, err error) {
	if len(b) < headLen || string(b[:len(magic)]) != magic || b[len(magic)] == 0 {
		return 0, 0, errMagic
	}
	k = kind(b[len(magic)+1])
	length = int(binary.BigEndian.Uint16(b[headLen-2:]))
	switch {
	case k < hello || k > refusal:
		return 0, 0, errFormat
	case length > k.limit():
		return 0, 0, errLength
	}
	return k, length, nil
}

// parseMessage reads a message that has to be of a kind. The other end's refusal is its reason, as an error.
func parseMessage(b []byte, want kind) (fields, error) {
	k, length, err := parseHead(b)
	if err != nil {
		return nil, err
	}
	if length != len(b)-headLen {
		return nil, errFormat
	}
	f, err := parseFields(b[headLen:])
	switch {
	case err != nil:
		return nil, err
	case k == refusal:
		return nil, parseReason(f)
	case k != want:
		return nil, fmt.Errorf("it says %v in place of %v", k, want)
	}
	return f, nil
}

// readMessage reads the bytes of one message and no more.
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, headLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	_, length, err := parseHead(head)
	if err != nil {
		return nil, err
	}
	b := append(head, make([]byte, length)...)
	_, err = io.ReadFull(r, b[headLen:])
	return b, err
}

// reason is why a host refuses.
type reason byte

const (
	closed   reason = iota + 1 // the code is over, for whichever cause
	wrong                      // the code of the dialler is another one
	itself                     // the dialler is the host
	unable                     // the host cannot keep the pairing
	rotating                   // the host has a rotation under way
)

var errUnable = errors.New("the other node cannot keep the pairing: its log says why")

// cause is a reason for the person at the dialler.
func (r reason) cause() error {
	switch r {
	case closed:
		return ErrClosed
	case wrong:
		return ErrWrong
	case itself:
		return ErrItself
	case unable:
		return errUnable
	case rotating:
		return fmt.Errorf("the other node: %w", ErrRotating)
	}
	return errors.New("the other node refuses, for a cause that this version does not know")
}

func newRefusal(r reason) []byte {
	return newMessage(refusal, appendField(nil, tagReason, []byte{byte(r)}))
}

func parseReason(f fields) error {
	b, err := f.fixed(tagReason, 1)
	if err != nil {
		return err
	}
	return reason(b[0]).cause()
}
