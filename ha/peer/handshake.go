package peer

import "io"

// met is what two ends know after the handshake.
type met struct {
	session uint64 // the other's
	out, in []byte // the keys of messages
}

// shake is the handshake at one end. mine has a nonce that was never used.
func shake(rw io.ReadWriter, as end, mine hello, keys [][]byte) (met, error) {
	if len(keys) == 0 {
		return met{}, errNoKey
	}
	keys = keys[:min(len(keys), maxKeys)]
	if as == dialler {
		return shakeAsDialler(rw, mine, keys)
	}
	return shakeAsAcceptor(rw, mine, keys)
}

func shakeAsDialler(rw io.ReadWriter, mine hello, keys [][]byte) (met, error) {
	if _, err := rw.Write(mine.append(nil)); err != nil {
		return met{}, err
	}
	other, err := readHello(rw, mine)
	if err != nil {
		return met{}, err
	}
	t := transcript{dialler: mine, acceptor: other}
	if _, err := rw.Write(t.appendOffer(nil, keys)); err != nil {
		return met{}, err
	}
	var choice [choiceLen]byte
	if _, err := io.ReadFull(rw, choice[:]); err != nil {
		return met{}, err
	}
	key, err := t.chosen(keys, choice[:])
	if err != nil {
		return met{}, err
	}
	return t.met(key, dialler)
}

// shakeAsAcceptor says nothing before it has read a hello.
func shakeAsAcceptor(rw io.ReadWriter, mine hello, keys [][]byte) (met, error) {
	other, err := readHello(rw, mine)
	if err != nil {
		return met{}, err
	}
	if _, err := rw.Write(mine.append(nil)); err != nil {
		return met{}, err
	}
	proofs, err := readOffer(rw)
	if err != nil {
		return met{}, err
	}
	t := transcript{dialler: other, acceptor: mine}
	key, number, err := t.choose(keys, proofs)
	if err != nil {
		// So that the dialler's log names the cause as well. It proves nothing to anybody.
		_, _ = rw.Write(append([]byte{noChoice}, make([]byte, proofLen)...))
		return met{}, err
	}
	if _, err := rw.Write(t.appendChoice(nil, key, number)); err != nil {
		return met{}, err
	}
	return t.met(key, acceptor)
}

func readHello(r io.Reader, mine hello) (hello, error) {
	var b [helloLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return hello{}, err
	}
	h, err := parseHello(b[:])
	if err == nil && h.session == mine.session {
		err = errSelf
	}
	return h, err
}

// readOffer reads the proofs of a dialler.
func readOffer(r io.Reader) ([]byte, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	if n[0] == 0 || n[0] > maxKeys {
		return nil, errOffer
	}
	proofs := make([]byte, int(n[0])*proofLen)
	_, err := io.ReadFull(r, proofs)
	return proofs, err
}

func (t transcript) met(key []byte, as end) (met, error) {
	of, out, in := t.acceptor, dialler, acceptor
	if as == acceptor {
		of, out, in = t.dialler, acceptor, dialler
	}
	m := met{session: of.session}
	var err error
	if m.out, err = t.key(key, out); err != nil {
		return met{}, err
	}
	if m.in, err = t.key(key, in); err != nil {
		return met{}, err
	}
	return m, nil
}
