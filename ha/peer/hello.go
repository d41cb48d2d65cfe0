package peer

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

const (
	magic    = "rempart link"
	version  = 1
	label    = "rempart link 1"
	nonceLen = 32
	helloLen = len(magic) + 2 + 8 + nonceLen
	proofLen = sha256.Size
	maxKeys  = 4
)

// What may be wrong with a handshake.
var (
	errMagic   = errors.New("it speaks another protocol")
	errVersion = errors.New("it speaks another version of the link")
	errSecret  = errors.New("it speaks with another secret")
	errSelf    = errors.New("it has the session of this node")
	errOffer   = errors.New("it offers no keys or too many")
	errNoKey   = errors.New("this node has no key")
)

// hello is what each end says first.
type hello struct {
	session uint64
	nonce   [nonceLen]byte
}

func (h hello) append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint64(b, h.session)
	return append(b, h.nonce[:]...)
}

func parseHello(b []byte) (hello, error) {
	if len(b) != helloLen || string(b[:len(magic)]) != magic {
		return hello{}, errMagic
	}
	b = b[len(magic):]
	if binary.BigEndian.Uint16(b) != version {
		return hello{}, errVersion
	}
	h := hello{session: binary.BigEndian.Uint64(b[2:])}
	copy(h.nonce[:], b[10:])
	return h, nil
}

// end is one end of a connection. It stands in what an end proves, so that nobody's
// proof can be sent back to him.
type end byte

const (
	dialler  end = 'd'
	acceptor end = 'a'
)

// transcript is what both ends have said before they prove anything.
type transcript struct{ dialler, acceptor hello }

// proof shows that an end holds the key, to who drew the other nonce just now.
func (t transcript) proof(key []byte, by end) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(t.context(by))
	return m.Sum(nil)
}

// context is unambiguous because all of its parts have a fixed length.
func (t transcript) context(by end) []byte {
	b := append([]byte(label), byte(by))
	b = append(b, t.dialler.nonce[:]...)
	b = append(b, t.acceptor.nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, t.dialler.session)
	return binary.BigEndian.AppendUint64(b, t.acceptor.session)
}

// key is what an end authenticates its messages with.
func (t transcript) key(secret []byte, of end) ([]byte, error) {
	salt := append(t.dialler.nonce[:], t.acceptor.nonce[:]...)
	return hkdf.Key(sha256.New, secret, salt, "messages "+string(t.context(of)), sha256.Size)
}

// appendOffer adds the proofs of the dialler, one for each key.
func (t transcript) appendOffer(b []byte, keys [][]byte) []byte {
	b = append(b, byte(len(keys)))
	for _, k := range keys {
		b = append(b, t.proof(k, dialler)...)
	}
	return b
}

// choose finds the first of the acceptor's keys that the dialler has proved, and the number of
// its proof. proofs are those of appendOffer without their count.
func (t transcript) choose(keys [][]byte, proofs []byte) (key []byte, number int, err error) {
	for _, k := range keys {
		want := t.proof(k, dialler)
		for i := range len(proofs) / proofLen {
			if hmac.Equal(want, proofs[i*proofLen:][:proofLen]) {
				return k, i, nil
			}
		}
	}
	return nil, 0, errSecret
}

// noChoice is the number in a choice of an acceptor that knows none of the keys.
const noChoice = 0xff

const choiceLen = 1 + proofLen

// appendChoice adds which proof the acceptor chose, and its own.
func (t transcript) appendChoice(b []byte, key []byte, number int) []byte {
	return append(append(b, byte(number)), t.proof(key, acceptor)...)
}

// chosen is the key that a choice names, if the acceptor holds it.
func (t transcript) chosen(keys [][]byte, choice []byte) ([]byte, error) {
	n := int(choice[0])
	if n >= len(keys) || !hmac.Equal(choice[1:], t.proof(keys[n], acceptor)) {
		return nil, errSecret
	}
	return keys[n], nil
}
