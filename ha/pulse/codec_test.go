package pulse

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var addressesEqual = cmpopts.EquateComparable(netip.Addr{})

func ring(secrets ...string) *Keyring {
	k := &Keyring{}
	for _, s := range secrets {
		k.Accept = append(k.Accept, DeriveKey([]byte(s)))
	}
	k.Send = k.Accept[0]
	return k
}

func fullBeat() Beat {
	return Beat{
		Session: 0x1122334455667788, Echo: 0x99aabbccddeeff00, Turn: 7, EchoTurn: math.MaxUint32, Seq: 42,
		Node: "fw1", Path: "lan", Version: "0.5.0-3-gabc", Interval: 100 * time.Millisecond, Hold: 3 * time.Second,
		Groups: []Group{
			{Name: "main", Role: Master, Demotion: 240, Skew: 100, Want: true},
			{Name: "dmz", Role: Releasing, Forced: true},
		},
		Paths: []Path{
			{Name: "sync", Carrier: true, Heard: true},
			{Name: "lan", Carrier: true, Others: true},
			{Name: "wan"},
		},
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("::ffff:10.0.0.2")},
		Context:   0xfeed, Accepts: []uint64{0xfeed, 0, math.MaxUint64}, AdEpoch: 0x80000001,
		Revision: strings.Repeat("a", 64), Leaving: true, Features: 3,
	}
}

func smallBeat() Beat {
	return Beat{Session: 1, Seq: 1, Node: "fw1", Path: "lan", Interval: time.Second}
}

func TestRoundTrip(t *testing.T) {
	k := ring("a")
	for name, want := range map[string]Beat{"full": fullBeat(), "small": smallBeat()} {
		t.Run(name, func(t *testing.T) {
			before := []byte("before")
			frame := k.Seal(before, &want)
			if !bytes.HasPrefix(frame, before) {
				t.Fatalf("Seal changed what was there: %q", frame[:len(before)])
			}
			got, err := k.Open(frame[len(before):])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, addressesEqual); diff != "" {
				t.Errorf("Open(Seal) (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKnownBytes holds the format: nodes of two versions have to understand each other.
func TestKnownBytes(t *testing.T) {
	k, b := ring("password"), smallBeat()
	b.Groups = []Group{{Name: "main", Role: Master, Demotion: 240, Skew: 100, Want: true}}
	const want = "52504842" + "01" +
		"00010008" + "0000000000000001" + // session
		"00030008" + "0000000000000001" + // seq
		"00040003" + "667731" + // node
		"00050003" + "6c616e" + // path
		"00070008" + "000000003b9aca00" + // interval
		"00090009" + "03" + "01" + "64" + "00f0" + "6d61696e"
	body, _ := hex.DecodeString(want)
	mac := hmac.New(sha256.New, k.Send[:])
	mac.Write(body)
	if got := hex.EncodeToString(k.Seal(nil, &b)); got != want+hex.EncodeToString(mac.Sum(nil)[:16]) {
		t.Errorf("Seal = %s\nwant   %s and its seal", got, want)
	}
	// HKDF of RFC 5869 with an empty salt, computed by hand with HMAC.
	extract := hmac.New(sha256.New, make([]byte, sha256.Size))
	extract.Write([]byte("password"))
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("rempart heartbeat 1\x01"))
	if want := Key(expand.Sum(nil)); k.Send != want {
		t.Errorf("DeriveKey = %x, want %x", k.Send, want)
	}
}

func TestSealCuts(t *testing.T) {
	k, b := ring("a"), fullBeat()
	b.Node, b.Path = strings.Repeat("é", 40), "l\x00an\xff"
	b.Interval, b.Hold = time.Hour, -time.Second
	b.Groups, b.Paths, b.Addresses, b.Accepts = nil, nil, nil, nil
	for i := range 100 {
		name := fmt.Sprintf("a-name-of-some-length-%d", i)
		b.Groups = append(b.Groups, Group{Name: name})
		b.Paths = append(b.Paths, Path{Name: name})
		b.Addresses = append(b.Addresses, netip.MustParseAddr("10.0.0.1"), netip.Addr{})
		b.Accepts = append(b.Accepts, 1)
	}
	frame := k.Seal(nil, &b)
	if len(frame) > MaxFrame {
		t.Fatalf("%d bytes, want at most %d", len(frame), MaxFrame)
	}
	got, err := k.Open(frame)
	if err != nil {
		t.Fatal(err)
	}
	if got.Node != strings.Repeat("é", 32) || got.Path != "l?an?" || got.Interval != time.Minute || got.Hold != 0 {
		t.Errorf("node %q, path %q, interval %v, hold %v", got.Node, got.Path, got.Interval, got.Hold)
	}
	if len(got.Groups) < 15 || len(got.Groups) >= 64 || len(got.Paths) > 1 {
		t.Errorf("%d groups and %d paths: want groups to go first", len(got.Groups), len(got.Paths))
	}
	b.Groups, b.Paths = []Group{{}}, b.Paths[:5]
	if got, err = k.Open(k.Seal(nil, &b)); err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) != 0 || len(got.Paths) != 5 || len(got.Addresses) != 8 || len(got.Accepts) != 16 {
		t.Errorf("%d groups, %d paths, %d addresses, %d contexts: want 0, 5, 8, 16", len(got.Groups), len(got.Paths), len(got.Addresses), len(got.Accepts))
	}
}

// seal is a frame of these fields with a good seal.
func seal(k *Keyring, fields []byte) []byte {
	frame := append([]byte(header), fields...)
	mac := hmac.New(sha256.New, k.Send[:])
	mac.Write(frame)
	return mac.Sum(frame)[:len(frame)+macLen]
}

func tlv(f field, value ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(f))
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

func TestOpenRefuses(t *testing.T) {
	k, b := ring("a"), fullBeat()
	good := k.Seal(nil, &b)
	least := smallBeat()
	fields := least.append(nil, MaxFrame)
	eight := func(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
	with := func(more ...byte) []byte { return seal(k, append(bytes.Clone(fields), more...)) }
	changed := func(at int, to byte) []byte {
		frame := bytes.Clone(good)
		frame[at] = to
		return frame
	}
	many := func(n int, one []byte) []byte { return bytes.Repeat(one, n) }
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"nothing", nil, ErrShort},
		{"shorter than a seal", good[:20], ErrShort},
		{"something else", changed(0, 'X'), ErrMagic},
		{"the next version", changed(4, 2), ErrVersion},
		{"another secret", ring("b").Seal(nil, &b), ErrAuth},
		{"a bit of a field", changed(20, good[20]^1), ErrAuth},
		{"a bit of the seal", changed(len(good)-1, good[len(good)-1]^1), ErrAuth},
		{"too long", append(bytes.Clone(good), make([]byte, MaxFrame)...), ErrMalformed},
		{"no fields", seal(k, nil), ErrMalformed},
		{"rest after a field", with(0, 1, 0), ErrMalformed},
		{"field longer than the frame", with(0, 2, 0, 9, 0), ErrMalformed},
		{"session twice", with(tlv(fieldSession, eight(2)...)...), ErrMalformed},
		{"session of zero", seal(k, tlv(fieldSession, eight(0)...)), ErrMalformed},
		{"short number", with(tlv(fieldEcho, 1)...), ErrMalformed},
		{"long number", with(tlv(fieldTurn, 1, 2, 3, 4, 5)...), ErrMalformed},
		{"hold too long", with(tlv(fieldHold, eight(uint64(maxHold)+1)...)...), ErrMalformed},
		{"hold beyond a duration", with(tlv(fieldHold, eight(math.MaxUint64)...)...), ErrMalformed},
		{"goodbye with content", with(tlv(fieldLeaving, 1)...), ErrMalformed},
		{"empty text", with(tlv(fieldRevision)...), ErrMalformed},
		{"long text", with(tlv(fieldRevision, many(65, []byte{'a'})...)...), ErrMalformed},
		{"terminal control", with(tlv(fieldRevision, 27, '[')...), ErrMalformed},
		{"not UTF-8", with(tlv(fieldRevision, 0xff)...), ErrMalformed},
		{"address of five bytes", with(tlv(fieldAddress, 1, 2, 3, 4, 5)...), ErrMalformed},
		{"17 addresses", with(many(17, tlv(fieldAddress, 1, 2, 3, 4))...), ErrMalformed},
		{"half a context", with(tlv(fieldAccepts, 1, 2, 3, 4)...), ErrMalformed},
		{"17 contexts", with(tlv(fieldAccepts, make([]byte, 17*8)...)...), ErrMalformed},
		{"no contexts", with(tlv(fieldAccepts)...), ErrMalformed},
		{"group without name", with(tlv(fieldGroup, make([]byte, groupHead)...)...), ErrMalformed},
		{"short group", with(tlv(fieldGroup, 1, 2, 3)...), ErrMalformed},
		{"unknown role", with(tlv(fieldGroup, append([]byte{5}, append(make([]byte, groupHead-1), 'a')...)...)...), ErrMalformed},
		{"65 paths", with(many(65, tlv(fieldHeard, 0, 'a'))...), ErrMalformed},
		{"path without name", with(tlv(fieldHeard, 0)...), ErrMalformed},
		{"empty path", with(tlv(fieldHeard)...), ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := k.Open(c.frame)
			if !errors.Is(err, c.want) {
				t.Errorf("Open = %v, want %v", err, c.want)
			}
			if diff := cmp.Diff(Beat{}, got, addressesEqual); diff != "" {
				t.Errorf("Open gives a heartbeat beside the fault:\n%s", diff)
			}
		})
	}
}

func TestOpenWantsFields(t *testing.T) {
	k := ring("a")
	parts := [][]byte{
		tlv(fieldSession, 0, 0, 0, 0, 0, 0, 0, 1), tlv(fieldSeq, 0, 0, 0, 0, 0, 0, 0, 1),
		tlv(fieldNode, 'a'), tlv(fieldPath, 'a'), tlv(fieldInterval, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0),
	}
	if _, err := k.Open(seal(k, bytes.Join(parts, nil))); err != nil {
		t.Fatalf("with all: %v", err)
	}
	for i := range parts {
		without := bytes.Join(append(append([][]byte{}, parts[:i]...), parts[i+1:]...), nil)
		if _, err := k.Open(seal(k, without)); !errors.Is(err, ErrMalformed) {
			t.Errorf("without field %d: %v, want %v", parts[i][1], err, ErrMalformed)
		}
	}
}

func TestOpenSkipsUnknown(t *testing.T) {
	k, b := ring("a"), fullBeat()
	fields := b.append(nil, MaxFrame)
	fields = append(tlv(0, 1), fields...)
	fields = append(fields, tlv(fieldEnd, 1, 2, 3)...)
	fields = append(fields, tlv(0xffff)...)
	got, err := k.Open(seal(k, fields))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, got, addressesEqual); diff != "" {
		t.Errorf("beside unknown fields (-want +got):\n%s", diff)
	}
}

func TestTruncated(t *testing.T) {
	k, b := ring("a"), fullBeat()
	frame := k.Seal(nil, &b)
	for n := range frame {
		if _, err := k.Open(frame[:n]); !errors.Is(err, ErrShort) && !errors.Is(err, ErrAuth) {
			t.Errorf("%d of %d bytes: %v", n, len(frame), err)
		}
	}
	// Under a good seal only an end between two fields can be whole.
	fields := b.append(nil, MaxFrame)
	ends := map[int]bool{}
	for at := 0; at < len(fields); {
		ends[at] = true
		at += fieldHead + int(binary.BigEndian.Uint16(fields[at+2:]))
	}
	for n := range fields {
		if _, err := k.Open(seal(k, fields[:n])); !ends[n] && !errors.Is(err, ErrMalformed) {
			t.Errorf("%d of %d bytes of fields: %v, want %v", n, len(fields), err, ErrMalformed)
		}
	}
}

func TestKeyChange(t *testing.T) {
	b := smallBeat()
	both := ring("new", "old")
	for _, sender := range []string{"new", "old"} {
		if _, err := both.Open(ring(sender).Seal(nil, &b)); err != nil {
			t.Errorf("of the %s secret: %v", sender, err)
		}
	}
	if _, err := ring("old").Open(both.Seal(nil, &b)); !errors.Is(err, ErrAuth) {
		t.Errorf("new secret at a node that has the old one: %v, want %v", err, ErrAuth)
	}
	if _, err := (&Keyring{Send: both.Send}).Open(both.Seal(nil, &b)); !errors.Is(err, ErrAuth) {
		t.Errorf("without accepted keys: %v, want %v", err, ErrAuth)
	}
}

func FuzzOpen(f *testing.F) {
	k, b := ring("a"), fullBeat()
	f.Add(k.Seal(nil, &b))
	f.Add([]byte(header))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if _, err := k.Open(frame); err == nil && !bytes.Equal(frame, k.Seal(nil, &b)) {
			t.Errorf("opened a frame that nobody sealed: % x", frame)
		}
	})
}

func FuzzFields(f *testing.F) {
	k := ring("a")
	for _, b := range []Beat{fullBeat(), smallBeat()} {
		f.Add(b.append(nil, MaxFrame))
	}
	f.Fuzz(func(t *testing.T, fields []byte) {
		first, err := k.Open(seal(k, fields))
		if err != nil {
			return
		}
		second, err := k.Open(k.Seal(nil, &first))
		if err != nil {
			t.Fatalf("what was opened cannot be sealed: %v", err)
		}
		if diff := cmp.Diff(first, second, addressesEqual); diff != "" {
			t.Errorf("Open(Seal(Open)) differs:\n%s", diff)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, beat := ring("a"), fullBeat()
	frame := make([]byte, 0, MaxFrame)
	b.ReportAllocs()
	for b.Loop() {
		frame = k.Seal(frame[:0], &beat)
	}
}

func BenchmarkOpen(b *testing.B) {
	k, beat := ring("a"), fullBeat()
	frame := k.Seal(nil, &beat)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(frame); err != nil {
			b.Fatal(err)
		}
	}
}
