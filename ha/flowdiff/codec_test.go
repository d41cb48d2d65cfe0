package flowdiff

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maxMessage is what a message between the daemons holds, less what is around an answer (ha/peer).
const maxMessage = 1<<20 - 256

func TestRoundTrip(t *testing.T) {
	p := wholePart(t)
	back, err := ParsePart(p.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("part -want +got:\n%s", diff)
	}
	var d Digests
	for i := range d {
		d[i] = Digest{uint32(i), uint64(i) << 40}
	}
	digests, err := ParseDigests(d.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if *digests != d {
		t.Error("digests come back as others")
	}
}

// TestAnswersFit into a message between the daemons, also if every flow is of the longest form.
func TestAnswersFit(t *testing.T) {
	r := records(udp6())[0]
	r.Flow.Reply.SrcPort++
	r.Flow.Scale[0] = 1
	p := &Part{}
	for range maxRecords {
		p.Flows = append(p.Flows, r)
	}
	if n := len(p.Append(nil)); n > maxMessage {
		t.Errorf("%d flows take %d bytes", maxRecords, n)
	}
	if n := len(new(Digests).Append(nil)); n > maxMessage {
		t.Errorf("digests take %d bytes", n)
	}
}

func TestTruncated(t *testing.T) {
	b := wholePart(t).Append(nil)
	for n := range b {
		if _, err := ParsePart(b[:n]); !errors.Is(err, errShort) {
			t.Fatalf("part of %d of %d bytes: %v", n, len(b), err)
		}
	}
	b = new(Digests).Append(nil)
	for n := 0; n < len(b); n += 101 {
		if _, err := ParseDigests(b[:n]); !errors.Is(err, errShort) {
			t.Fatalf("digests of %d of %d bytes: %v", n, len(b), err)
		}
	}
}

func TestMalformed(t *testing.T) {
	const count = 1 + Buckets/8 // where the number of flows is
	const first = count + 4     // where the first flow begins
	const family = first + 1    // of it
	part := func(change func(b []byte) []byte) []byte { return change(wholePart(t).Append(nil)) }
	set := func(at int, to byte) []byte { return part(func(b []byte) []byte { b[at] = to; return b }) }
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"version", set(0, version+1), errVersion},
		{"too many", set(count, 1), errFormat},
		{"fewer than told", set(count+3, 4), errLong},
		{"more than told", set(count+3, 6), errShort},
		{"unknown part of a flow", set(first, hasEnd), errFormat},
		{"family", set(family, 3), errFormat},
		{"no family", set(family, 0), errFormat},
		{"something behind", part(func(b []byte) []byte { return append(b, 0) }), errLong},
	} {
		if _, err := ParsePart(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	d := new(Digests).Append(nil)
	if _, err := ParseDigests(append(d, 0)); !errors.Is(err, errLong) {
		t.Errorf("something behind digests: %v", err)
	}
	d[0]++
	if _, err := ParseDigests(d); !errors.Is(err, errVersion) {
		t.Errorf("version of digests: %v", err)
	}
}

// FuzzParsePart: what can be read can be written, and reads as the same.
func FuzzParsePart(f *testing.F) {
	f.Add(wholePart(f).Append(nil))
	f.Add(new(Part).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePart(b)
		if err != nil {
			return
		}
		again, err := ParsePart(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, again) {
			t.Error("it reads as another")
		}
	})
}

func FuzzParseDigests(f *testing.F) {
	f.Add(new(Digests).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ParseDigests(b); err == nil && string(d.Append(nil)) != string(b) {
			t.Error("they are written in another way")
		}
	})
}
