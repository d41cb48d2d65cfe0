package carp

import (
	"bytes"
	"errors"
	"fmt"
)

// Key is the shared secret, up to KeyLen bytes; shorter ones are filled with zeros. The
// zero value is that of a network without a password.
type Key [KeyLen]byte

// KeyLen is the size of a key (CARP_KEY_LEN); programs keep the last byte zero.
const KeyLen = 20

// ParseKey makes a key of a password of 0 to 19 bytes. ifconfig(8) cuts longer ones off in
// silence and ucarp refuses them, so a longer one would not mean the same everywhere; a
// zero byte would end it there.
func ParseKey(secret []byte) (Key, error) {
	if len(secret) > KeyLen-1 {
		return Key{}, fmt.Errorf("carp key: %d bytes, and carp(4) takes %d at most", len(secret), KeyLen-1)
	}
	if bytes.IndexByte(secret, 0) >= 0 {
		return Key{}, errors.New("carp key: a zero byte, at which carp(4) would cut it off")
	}
	var k Key
	copy(k[:], secret)
	return k, nil
}

// String hides the key from logs.
func (k Key) String() string { return "key" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return "carp.Key{}" }
