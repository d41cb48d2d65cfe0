package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

var testKey = bytes.Repeat([]byte{7}, 32)

func messages() []message {
	return []message{
		{kind: stand, body: []byte{}},
		{kind: ask, id: 1, topic: "revision", body: []byte("41")},
		{kind: answer, id: 1<<32 - 1, body: []byte{0, 1, 2}},
		{kind: refusal, id: 7, body: []byte("no such revision")},
		{kind: goodbye, body: []byte("it stops")},
		{kind: ask, id: 2, topic: strings.Repeat("k", maxTopic), body: bytes.Repeat([]byte("x"), maxMessage-minMessage-maxTopic)},
	}
}

func TestMessageRoundTrip(t *testing.T) {
	var wire bytes.Buffer
	out, in := newSeal(testKey), newSeal(testKey)
	for _, m := range messages() {
		if err := m.fits(); err != nil {
			t.Errorf("%d: %v", m.id, err)
		}
		wire.Write(out.append(nil, m))
	}
	for _, want := range messages() {
		got, err := in.read(&wire)
		if err != nil || got.kind != want.kind || got.id != want.id || got.topic != want.topic || !bytes.Equal(got.body, want.body) {
			t.Errorf("kind %d, id %d, %d bytes, %v; want kind %d, id %d, %d bytes",
				got.kind, got.id, len(got.body), err, want.kind, want.id, len(want.body))
		}
	}
	if _, err := in.read(&wire); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestMessageBytes(t *testing.T) {
	got := hex.EncodeToString(newSeal(testKey).append([]byte("before"), message{kind: ask, id: 5, topic: "ab", body: []byte("cd")})[6:])
	want := "00000022" + "0000000000000001" + "02" + "00000005" + "02" + "6162" + "6364"
	if !strings.HasPrefix(got, want) || len(got) != len(want)+2*macLen {
		t.Errorf("%s, want %s and %d bytes more", got, want, macLen)
	}
}

func TestMessageFits(t *testing.T) {
	for _, m := range []message{
		{kind: ask, topic: strings.Repeat("k", maxTopic+1)},
		{kind: ask, body: make([]byte, maxMessage-minMessage+1)},
		{kind: ask, topic: "k", body: make([]byte, maxMessage-minMessage)},
	} {
		if m.fits() == nil {
			t.Errorf("a kind of %d bytes and a body of %d fit", len(m.topic), len(m.body))
		}
	}
}

// signed is a message with any text, by who has the key.
func signed(text string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(text)+macLen))
	b = append(b, text...)
	return append(b, newSeal(testKey).sum(b)...)
}

func TestMalformedMessages(t *testing.T) {
	good := newSeal(testKey).append(nil, message{kind: ask, id: 1, topic: "ab", body: []byte("cd")})
	flip := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	const number = "\x00\x00\x00\x00\x00\x00\x00\x01"
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"a flipped number", flip(lengthLen + 7), errForged},
		{"a flipped kind", flip(lengthLen + 8), errForged},
		{"a flipped id", flip(lengthLen + 9), errForged},
		{"a flipped topic", flip(lengthLen + fixedLen), errForged},
		{"a flipped body", flip(lengthLen + fixedLen + 2), errForged},
		{"a flipped HMAC", flip(len(good) - 1), errForged},
		{"too short to be one", binary.BigEndian.AppendUint32(nil, minMessage-1), errLength},
		{"too long to be one", binary.BigEndian.AppendUint32(nil, maxMessage+1), errLength},
		{"of the greatest length", binary.BigEndian.AppendUint32(nil, 1<<32-1), errLength},
		{"the second message first", signed(number[:7] + "\x02" + "\x02\x00\x00\x00\x01\x00"), errNumber},
		{"number zero", signed(number[:7] + "\x00" + "\x02\x00\x00\x00\x01\x00"), errNumber},
		{"no kind", signed(number + "\x00\x00\x00\x00\x01\x00"), errFormat},
		{"an unknown kind", signed(number + string(rune(kindEnd)) + "\x00\x00\x00\x01\x00"), errFormat},
		{"a topic longer than the message", signed(number + "\x02\x00\x00\x00\x01\x01"), errFormat},
	} {
		if m, err := newSeal(testKey).read(bytes.NewReader(c.b)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, m, err, c.want)
		}
	}
	for n := range good {
		if m, err := newSeal(testKey).read(bytes.NewReader(good[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %+v, %v", n, m, err)
		}
		if m, err := newSeal(testKey).parse(good[:n]); err == nil {
			t.Errorf("the first %d bytes: %+v", n, m)
		}
	}
	if _, err := newSeal([]byte("another key")).read(bytes.NewReader(good)); !errors.Is(err, errForged) {
		t.Errorf("with another key: %v", err)
	}
	in := newSeal(testKey)
	if _, err := in.parse(good); err != nil {
		t.Error(err)
	}
	if _, err := in.parse(good); !errors.Is(err, errNumber) {
		t.Errorf("for a second time: %v", err)
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range messages()[:5] {
		b := newSeal(testKey).append(nil, m)
		f.Add(b, false)
		f.Add(b[lengthLen:len(b)-macLen], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if sign {
			b = signed(string(b))
		}
		m, err := newSeal(testKey).parse(b)
		if err != nil {
			return
		}
		if err := m.fits(); err != nil {
			t.Skip("longer than one from the wire may be")
		}
		if again := newSeal(testKey).append(nil, m); !bytes.Equal(b, again) {
			t.Errorf("%x reads as %+v, which is %x", b, m, again)
		}
	})
}
