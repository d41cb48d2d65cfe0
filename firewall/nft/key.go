package nft

import "fmt"

// AppendKey appends the key of an element of a set without ranges as the kernel keeps it: its fields one
// after the other, those of a concatenation filled up to whole words.
func (s Set) AppendKey(b []byte, key []Value) []byte {
	for i, field := range key {
		b = field.appendWire(b, s.Key[i], first, s.Interval)
		for len(s.Key) > 1 && len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// ParseKey is the inverse of AppendKey. It takes keys of the right length alone.
func (s Set) ParseKey(b []byte) ([]Value, error) {
	if _, size := keyMagic(s.Key); len(b) != int(size) {
		return nil, fmt.Errorf("set %q: a key of %d bytes, want %d", s.Name, len(b), size)
	}
	return fieldValues(s, b, b)
}

// TypeText names the type of a set's keys, and of its data, as nft(8) writes it in the head of the set:
// "type ipv4_addr . inet_service".
func (s Set) TypeText() string { return s.typeText() }
