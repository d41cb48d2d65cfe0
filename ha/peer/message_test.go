package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func messages() []message {
	return []message{
		{kind: stand, body: []byte{}},
		{kind: ask, id: 1, topic: "revision", body: []byte("41")},
		{kind: answer, id: 1<<32 - 1, body: []byte{0, 1, 2}},
		{kind: refusal, id: 7, body: []byte("no such revision")},
		{kind: goodbye, body: []byte("it stops")},
		{kind: answer, id: 3, body: bytes.Repeat([]byte("x"), partLen)},
		{kind: ask, id: 2, topic: strings.Repeat("k", maxTopic), body: bytes.Repeat([]byte("x"), 3*partLen+1)},
	}
}

// wire is a message as it is sent when nothing breaks it off.
func wire(m message) []byte {
	var all []byte
	_ = m.parts(nil, func() error { return nil }, func(b []byte) error { all = append(all, b...); return nil })
	return all
}

func TestMessageRoundTrip(t *testing.T) {
	var all bytes.Buffer
	for _, m := range messages() {
		if err := m.fits(); err != nil {
			t.Errorf("%d: %v", m.id, err)
		}
		all.Write(wire(m))
	}
	for _, want := range messages() {
		got, err := readMessage(&all)
		if err != nil || got.kind != want.kind || got.id != want.id || got.topic != want.topic || !bytes.Equal(got.body, want.body) {
			t.Errorf("kind %d, id %d, %d bytes, %v; want kind %d, id %d, %d bytes",
				got.kind, got.id, len(got.body), err, want.kind, want.id, len(want.body))
		}
	}
	if _, err := readMessage(&all); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestMessageBytes(t *testing.T) {
	got := hex.EncodeToString(wire(message{kind: ask, id: 5, topic: "ab", body: []byte("cd")}))
	if want := "00000002" + "02" + "00000005" + "02" + "6162" + "6364"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	large := wire(message{kind: ask, body: make([]byte, 2*partLen)})
	if len(large) != headLen+2*partLen+1 || large[headLen+partLen] != onward {
		t.Errorf("%d bytes, mark %d", len(large), large[headLen+partLen])
	}
}

// No part is written at once with another.
func TestMessageParts(t *testing.T) {
	for _, m := range messages() {
		err := m.parts(nil, func() error { return nil }, func(b []byte) error {
			if len(b) > headLen+maxTopic+partLen {
				t.Errorf("%d bytes are written at once", len(b))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A message that is given up says so, and another follows it.
func TestMessageBrokenOff(t *testing.T) {
	why := errors.New("enough")
	var all bytes.Buffer
	write := func(b []byte) error { all.Write(b); return nil }
	left := 2
	err := message{kind: ask, body: make([]byte, 9*partLen)}.parts(nil, func() error {
		if left--; left == 0 {
			return why
		}
		return nil
	}, write)
	if !errors.Is(err, why) || all.Len() != headLen+2*partLen+2 {
		t.Errorf("%v, %d bytes", err, all.Len())
	}
	all.Write(wire(message{kind: answer, id: 4}))
	if m, err := readMessage(&all); !errors.Is(err, errBroken) {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := readMessage(&all); err != nil || m.kind != answer || m.id != 4 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestMessageFits(t *testing.T) {
	for _, m := range []message{
		{kind: ask, topic: strings.Repeat("k", maxTopic+1)},
		{kind: ask, body: make([]byte, maxMessage+1)},
	} {
		if m.fits() == nil {
			t.Errorf("a kind of %d bytes and a body of %d fit", len(m.topic), len(m.body))
		}
	}
	if err := (message{kind: ask, topic: strings.Repeat("k", maxTopic), body: make([]byte, maxMessage)}).fits(); err != nil {
		t.Error(err)
	}
}

func TestMalformedMessages(t *testing.T) {
	mark := wire(message{kind: ask, body: make([]byte, partLen+1)})
	mark[headLen+partLen] = 2
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"too long to be one", []byte("\x04\x00\x00\x01\x02\x00\x00\x00\x01\x00"), errLength},
		{"of the greatest length", []byte("\xff\xff\xff\xff\x02\x00\x00\x00\x01\x00"), errLength},
		{"no kind", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"), errFormat},
		{"an unknown kind", []byte("\x00\x00\x00\x00" + string(rune(kindEnd)) + "\x00\x00\x00\x01\x00"), errFormat},
		{"an unknown mark", mark, errFormat},
	} {
		if m, err := readMessage(bytes.NewReader(c.b)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, m, err, c.want)
		}
	}
	good := wire(message{kind: ask, id: 1, topic: "ab", body: []byte("cd")})
	for n := range good {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if m, err := readMessage(bytes.NewReader(good[:n])); !errors.Is(err, want) {
			t.Errorf("the first %d bytes: %+v, %v", n, m, err)
		}
	}
	if m, err := readMessage(bytes.NewReader(mark[:headLen+partLen])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an end in front of a mark: %+v, %v", m, err)
	}
}

// What is announced takes no memory before it comes.
func TestAnnouncedIsNotAllocated(t *testing.T) {
	b := binary.BigEndian.AppendUint32(nil, maxMessage)
	b = append(b, "\x02\x00\x00\x00\x01\x00some"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readMessage(bytes.NewReader(b)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > maxMessage/8 { // others allocate as well
		t.Errorf("%d bytes for 4 that came", got)
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range messages()[:5] {
		f.Add(wire(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(iotest.OneByteReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		if again := wire(m); !bytes.HasPrefix(b, again) {
			t.Errorf("%x reads as %+v, which is %x", b, m, again)
		}
	})
}
