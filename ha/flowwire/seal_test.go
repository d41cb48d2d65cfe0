package flowwire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

func secretOf(b byte) (s [32]byte) {
	for i := range s {
		s[i] = b
	}
	return s
}

func TestSeal(t *testing.T) {
	k := DeriveKey(secretOf(1), 2, 3)
	from, to := NewSeal(k), NewSeal(k)
	room := make([]byte, 0, 2000)
	for _, h := range []Header{{}, {Epoch: 1, Seq: 1}, {Epoch: 1<<32 - 1, Seq: 1<<48 - 1}} {
		for _, body := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte("flow"), 350)} {
			frame := from.Seal([]byte("before"), h, body)
			if !bytes.HasPrefix(frame, []byte("before")) || len(frame) != len("before")+Overhead+len(body) {
				t.Fatalf("Seal of %d bytes = %d bytes that begin with %q", len(body), len(frame), frame[:6])
			}
			frame = frame[len("before"):]
			got, opened, err := to.Open(room, frame)
			if err != nil || got != h || !bytes.Equal(opened, body) {
				t.Errorf("Open(Seal) = %+v, %d bytes, %v, want %+v, %d bytes", got, len(opened), err, h, len(body))
			}
			// In place.
			got, opened, err = to.Open(frame[Overhead-tagSize:], frame)
			if err != nil || got != h || !bytes.Equal(opened, body) {
				t.Errorf("Open in place = %+v, %d bytes, %v, want %+v, %d bytes", got, len(opened), err, h, len(body))
			}
		}
	}
}

// TestKnownFrame holds keys and frames: nodes of two versions have to understand each other.
func TestKnownFrame(t *testing.T) {
	k := DeriveKey(secretOf(1), 2, 3)
	const wantKey = "3ed651c77b589cf5ded80d74d5bd1fd075d975af3c0823a5d79736ba8251cdcf"
	if got := hex.EncodeToString(k[:]); got != wantKey {
		t.Errorf("DeriveKey = %s, want %s", got, wantKey)
	}
	// HKDF of RFC 5869, computed by hand with HMAC.
	secret := secretOf(1)
	extract := hmac.New(sha256.New, []byte("\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03"))
	extract.Write(secret[:])
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("rempart flows 1\x01"))
	if want := Key(expand.Sum(nil)); k != want {
		t.Errorf("DeriveKey = %x, want %x", k, want)
	}
	const wantFrame = "01" + "b9bb" + "00000004" + "000500000006" + "98c67555" + "eb2827b377ac226e74b85132a0a73df4"
	if got := hex.EncodeToString(NewSeal(k).Seal(nil, Header{Epoch: 4, Seq: 5<<32 | 6}, []byte("body"))); got != wantFrame {
		t.Errorf("Seal = %s, want %s", got, wantFrame)
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[Key]string{}
	for name, k := range map[string]Key{
		"a pair":         DeriveKey(secretOf(1), 2, 3),
		"back":           DeriveKey(secretOf(1), 3, 2),
		"next run":       DeriveKey(secretOf(1), 2, 4),
		"other secret":   DeriveKey(secretOf(2), 2, 3),
		"to oneself":     DeriveKey(secretOf(1), 2, 2),
		"no run":         DeriveKey(secretOf(1), 0, 0),
		"other boundary": DeriveKey(secretOf(1), 2<<8, 3>>8),
	} {
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
}

func TestOpenRefuses(t *testing.T) {
	s := NewSeal(DeriveKey(secretOf(1), 2, 3))
	frame := s.Seal(nil, Header{Epoch: 1, Seq: 1}, []byte("body"))
	changed := func(at int, to byte) []byte {
		f := bytes.Clone(frame)
		f[at] = to
		return f
	}
	back := NewSeal(DeriveKey(secretOf(1), 3, 2)).Seal(nil, Header{Epoch: 1, Seq: 1}, []byte("body"))
	claims := bytes.Clone(back)
	copy(claims[1:3], frame[1:3])
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"nothing", nil, ErrShort},
		{"less than a tag", frame[:Overhead-1], ErrShort},
		{"next version", changed(0, version+1), ErrVersion},
		{"other hint", changed(1, frame[1]^1), ErrHint},
		{"other direction", back, ErrHint},
		{"other direction that claims this one", claims, ErrAuth},
		{"number beyond what the wire carries", s.Seal(nil, Header{Epoch: 1, Seq: 1 << 48}, nil), ErrAuth},
		{"rest behind the tag", append(bytes.Clone(frame), 0), ErrAuth},
	} {
		h, body, err := s.Open(nil, c.frame)
		if !errors.Is(err, c.want) || h != (Header{}) || body != nil {
			t.Errorf("%s: Open = %+v, %q, %v, want nothing but %v", c.name, h, body, err, c.want)
		}
	}
	if !errors.Is(ErrHint, ErrAuth) {
		t.Errorf("ErrHint is no ErrAuth")
	}
}

// TestTampered changes each bit of a frame, and cuts it at each length.
func TestTampered(t *testing.T) {
	s := NewSeal(DeriveKey(secretOf(1), 2, 3))
	frame := s.Seal(nil, Header{Epoch: 1, Seq: 1}, []byte("a body of some length"))
	for i := range frame {
		for bit := range 8 {
			frame[i] ^= 1 << bit
			if _, _, err := s.Open(nil, frame); !errors.Is(err, ErrAuth) && !(i == 0 && errors.Is(err, ErrVersion)) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
			frame[i] ^= 1 << bit
		}
		if _, _, err := s.Open(nil, frame[:i]); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrShort) {
			t.Errorf("%d of %d bytes: %v", i, len(frame), err)
		}
	}
	if _, _, err := s.Open(nil, frame); err != nil {
		t.Errorf("unharmed: %v", err)
	}
}
