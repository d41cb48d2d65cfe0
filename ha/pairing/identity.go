package pairing

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// identity is what an end says of itself once the other has confirmed the key.
type identity struct {
	node string
	key  ed25519.PublicKey
	// known are keys that this node or its peers have had: who reads old revisions needs them.
	known []ed25519.PublicKey
	// called is the address at which the host was called, as this end sees it.
	called netip.Addr
}

const (
	maxKnown = 128
	maxNode  = 64
)

// appendIdentity adds an identity with a signature over what only this exchange has.
func appendIdentity(b []byte, i identity, signature []byte) []byte {
	b = appendField(b, tagNode, []byte(i.node))
	b = appendField(b, tagKey, i.key)
	b = appendField(b, tagSignature, signature)
	var known []byte
	for _, k := range i.known[max(0, len(i.known)-maxKnown):] {
		known = append(known, k...)
	}
	b = appendField(b, tagKnown, known)
	return appendField(b, tagCalled, []byte(i.called.WithZone("").String()))
}

// parseIdentity reads an identity whose signature is over a challenge.
func parseIdentity(b, challenge []byte) (identity, error) {
	f, err := parseFields(b)
	if err != nil {
		return identity{}, err
	}
	key, err := f.fixed(tagKey, ed25519.PublicKeySize)
	if err != nil {
		return identity{}, err
	}
	if !ed25519.Verify(key, challenge, f[tagSignature]) {
		return identity{}, fmt.Errorf("the other node does not hold the key %s", Fingerprint(key))
	}
	i := identity{node: string(f[tagNode]), key: key}
	if err := checkNode(i.node); err != nil {
		return identity{}, err
	}
	if i.known, err = parseKeys(f[tagKnown]); err != nil {
		return identity{}, err
	}
	i.called, err = netip.ParseAddr(string(f[tagCalled]))
	return i, err
}

// parseKeys reads public keys, one behind the other.
func parseKeys(b []byte) ([]ed25519.PublicKey, error) {
	if len(b)%ed25519.PublicKeySize != 0 || len(b)/ed25519.PublicKeySize > maxKnown {
		return nil, errFormat
	}
	var keys []ed25519.PublicKey
	for ; len(b) > 0; b = b[ed25519.PublicKeySize:] {
		keys = append(keys, ed25519.PublicKey(b[:ed25519.PublicKeySize:ed25519.PublicKeySize]))
	}
	return keys, nil
}

// checkNode says whether a name may be shown on a terminal.
func checkNode(name string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || len(name) > maxNode || !utf8.ValidString(name) || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("the name of a node has 1 to %d printable bytes, and %.80q has not", maxNode, name)
	}
	return nil
}
