package peer

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
)

const (
	proofLabel = "rempart link: proof of a secret"
	// exporterLabel is what TLS derives the binding by (RFC 8446, 7.5; the prefix is of RFC 5705).
	exporterLabel = "EXPORTER-rempart-link"
	bindingLen    = 32
	proofLen      = sha256.Size
	maxKeys       = 4
)

// What may be wrong with the proof of a secret.
var (
	errSecret = errors.New("it speaks with another secret")
	errOffer  = errors.New("it offers too many secrets")
	errNoKey  = errors.New("this node is not paired and has no secret")
)

// end is one end of a connection. It stands in what an end proves, so that nobody's
// proof can be sent back to him.
type end byte

const (
	dialler  end = 'd'
	acceptor end = 'a'
)

// binding is what only the two ends of one TLS connection know, so that a proof is good for no other.
type binding []byte

// proof shows that an end of the connection holds a secret. It is unambiguous because all of its
// parts have a fixed length.
func (b binding) proof(key []byte, by end) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(proofLabel))
	m.Write([]byte{byte(by)})
	m.Write(b)
	return m.Sum(nil)
}

// proveSecret has both ends show that they hold one of the keys.
func (b binding) proveSecret(rw io.ReadWriter, as end, keys [][]byte) error {
	keys = keys[:min(len(keys), maxKeys)]
	var err error
	if as == dialler {
		err = b.offer(rw, keys)
	} else {
		err = b.choose(rw, keys)
	}
	if errors.Is(err, errSecret) && len(keys) == 0 {
		return errNoKey
	}
	return err
}

// offer is the part of the dialler: a proof of each key, of which the acceptor chooses one.
func (b binding) offer(rw io.ReadWriter, keys [][]byte) error {
	if _, err := rw.Write(b.appendOffer(nil, keys)); err != nil {
		return err
	}
	var choice [choiceLen]byte
	if _, err := io.ReadFull(rw, choice[:]); err != nil {
		return err
	}
	n := int(choice[0])
	if n >= len(keys) || !hmac.Equal(choice[1:], b.proof(keys[n], acceptor)) {
		return errSecret
	}
	return nil
}

func (b binding) appendOffer(to []byte, keys [][]byte) []byte {
	to = append(to, byte(len(keys)))
	for _, k := range keys {
		to = append(to, b.proof(k, dialler)...)
	}
	return to
}

// noChoice is the number in a choice of an acceptor that knows none of the keys.
const noChoice = 0xff

const choiceLen = 1 + proofLen

// choose is the part of the acceptor: it answers with the first of its keys that the dialler has proved.
func (b binding) choose(rw io.ReadWriter, keys [][]byte) error {
	proofs, err := readOffer(rw)
	if err != nil {
		return err
	}
	key, number := b.chosen(keys, proofs)
	if key == nil {
		// So that the dialler's log names the cause as well. It proves nothing to anybody.
		_, _ = rw.Write(append([]byte{noChoice}, make([]byte, proofLen)...))
		return errSecret
	}
	_, err = rw.Write(b.appendChoice(nil, key, number))
	return err
}

// readOffer reads the proofs of a dialler.
func readOffer(r io.Reader) ([]byte, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	if n[0] > maxKeys {
		return nil, errOffer
	}
	proofs := make([]byte, int(n[0])*proofLen)
	_, err := io.ReadFull(r, proofs)
	return proofs, err
}

// chosen is the first of the keys that is proved, and the number of its proof; none: nil.
func (b binding) chosen(keys [][]byte, proofs []byte) (key []byte, number int) {
	for _, k := range keys {
		want := b.proof(k, dialler)
		for i := range len(proofs) / proofLen {
			if hmac.Equal(want, proofs[i*proofLen:][:proofLen]) {
				return k, i
			}
		}
	}
	return nil, 0
}

// appendChoice adds which proof the acceptor chose, and its own.
func (b binding) appendChoice(to []byte, key []byte, number int) []byte {
	return append(append(to, byte(number)), b.proof(key, acceptor)...)
}
