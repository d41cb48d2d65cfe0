package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"testing"
)

func TestHelloBytes(t *testing.T) {
	got := hex.EncodeToString(hello{newest: 3, oldest: 2, session: 0x0102030405060708, features: 5}.append([]byte{0xff}))
	if want := "ff" + "0014" + "0003" + "0002" + "0102030405060708" + "0000000000000005"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// withFields is a hello with bytes behind what every version has.
func withFields(h hello, fields string) []byte {
	b := append(h.append(nil), fields...)
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

func TestHello(t *testing.T) {
	want := hello{newest: 9, oldest: 1, session: 7, features: 1 << 40}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"without fields", want.append(nil), nil},
		{"with fields of a later version", withFields(want, "\x00\x01\x00\x02ab\xff\xff\x00\x00"), nil},
		{"the longest", withFields(want, "\x00\x01\x03\xe8"+string(make([]byte, 1000))), nil},
		{"longer", withFields(want, "\x00\x01\x03\xe9"+string(make([]byte, 1001))), errMagic},
		{"too short", []byte("\x00\x13" + string(make([]byte, 19))), errMagic},
		{"a field without a length", withFields(want, "\x00\x01\x00"), errMagic},
		{"a field longer than the hello", withFields(want, "\x00\x01\x00\x03ab"), errMagic},
	} {
		got, err := readHello(bytes.NewReader(c.b))
		if !errors.Is(err, c.want) || err == nil && got != want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if c.want != nil {
			continue
		}
		for n := range c.b {
			if got, err := readHello(bytes.NewReader(c.b[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, the first %d bytes: %+v, %v", c.name, n, got, err)
			}
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add(ours(1).append(nil)[2:])
	f.Add(withFields(ours(1), "\x00\x01\x00\x02ab\xff\xff\x00\x00")[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHello(b)
		if err == nil && !bytes.Equal(h.append(nil)[2:], b[:helloLen]) {
			t.Errorf("%x reads as %+v", b, h)
		}
	})
}
