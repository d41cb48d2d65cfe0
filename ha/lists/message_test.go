package lists

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// samples are changes of every form.
func samples() []Change {
	v4, v6 := "ipv4_addr", "ipv6_addr"
	return []Change{
		{Name: "alias_a_v4", Type: v4, Put: []Element{{Key: []byte{192, 0, 2, 1}, Left: time.Hour}, {Key: []byte{192, 0, 2, 2}}}},
		{Name: "alias_a_v6", Type: v6, Gone: [][]byte{bytes.Repeat([]byte{1}, 16)}},
		{Name: "alias_b_v4", Type: v4, Gone: [][]byte{{1, 2, 3, 4}}, Put: []Element{{Key: []byte{1, 2, 3, 5}, Left: time.Millisecond}}, Whole: &Span{}},
		{Name: "alias_c_v4", Type: v4, Whole: &Span{}},
		{Name: "alias_d_v4", Type: v4, Put: []Element{{Key: []byte{5, 5, 5, 5}, Left: maxLeft}}, Whole: &Span{After: []byte{4, 4, 4, 4}}},
		{Name: "alias_e_v4", Type: v4, Whole: &Span{UpTo: []byte{6, 6, 6, 6}}},
		{Name: "alias_f_v4", Type: v4, Whole: &Span{After: []byte{6, 6, 6, 6}, UpTo: []byte{7, 7, 7, 7}}},
		{},
	}
}

// written is changes in one message.
func written(t testing.TB, changes ...Change) []byte {
	t.Helper()
	messages, err := Messages(changes, 1<<20)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	return messages[0]
}

func TestMessageRoundTrip(t *testing.T) {
	for _, want := range append([][]Change{samples()}, each(samples())...) {
		got, err := Decode(written(t, want...))
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-sent +read):\n%s", diff)
		}
	}
}

func each(all []Change) (out [][]Change) {
	for _, c := range all {
		out = append(out, []Change{c})
	}
	return out
}

// TestMessageRoundsUp: an element with an end must not become one without.
func TestMessageRoundsUp(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		1: time.Millisecond, time.Millisecond + 1: 2 * time.Millisecond, time.Second: time.Second, 2 * maxLeft: maxLeft,
	} {
		got, err := Decode(written(t, Change{Put: []Element{{Key: []byte{1}, Left: left}}}))
		if err != nil || got[0].Put[0].Left != want {
			t.Errorf("%v became %v, %v, want %v", left, got, err, want)
		}
	}
}

func TestMessagesRefuseWhatHasNoForm(t *testing.T) {
	for name, c := range map[string]Change{
		"a long name":          {Name: string(make([]byte, 256))},
		"a long type":          {Type: string(make([]byte, 256))},
		"a long key":           {Gone: [][]byte{make([]byte, 65)}},
		"an empty key":         {Gone: [][]byte{{}}},
		"keys of two lengths":  {Gone: [][]byte{{1}, {1, 2}}},
		"one in each":          {Gone: [][]byte{{1}}, Put: []Element{{Key: []byte{1, 2}}}},
		"a bound too short":    {Put: []Element{{Key: []byte{1, 2}}}, Whole: &Span{After: []byte{1}}},
		"bounds of two sizes":  {Whole: &Span{After: []byte{1}, UpTo: []byte{1, 2}}},
		"less than no time":    {Put: []Element{{Key: []byte{1}, Left: -1}}},
		"an empty upper bound": {Whole: &Span{UpTo: []byte{}}},
	} {
		if m, err := Messages([]Change{c}, 1<<20); err == nil {
			t.Errorf("%s: written as % x", name, m)
		}
	}
}

func TestMalformedMessages(t *testing.T) {
	whole := written(t, samples()[3])
	for name, b := range map[string][]byte{
		"nothing":                     {},
		"a flag that there is not":    {version, 0, 0, 8, 0, 0, 0},
		"a bound of what is no span":  {version, 0, 0, flagAfter, 1, 0, 0, 9},
		"bounds without keys":         {version, 0, 0, flagWhole | flagUpTo, 0, 0, 0},
		"keys of no length":           {version, 0, 0, 0, 0, 3, 0, 1, 1, 1},
		"a key that is too long":      append([]byte{version, 0, 0, 0, 65, 1}, make([]byte, 66)...),
		"more elements than bytes":    {version, 0, 0, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"more gone than bytes":        {version, 0, 0, 0, 4, 2, 1, 2, 3, 4, 0},
		"a number that does not end":  {version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"more time than a life":       {version, 0, 0, 0, 1, 0, 1, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"a name longer than it may":   append([]byte{version, 0x80, 0x02}, make([]byte, 300)...),
		"something after the changes": append(whole[:len(whole):len(whole)], 1),
	} {
		if got, err := Decode(b); !errors.Is(err, errFormat) {
			t.Errorf("%s: read as %+v, %v", name, got, err)
		}
	}
	if _, err := Decode([]byte{version + 1, 0}); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}

// TestTruncatedMessages cuts a message at every length. Only between two changes it is whole.
func TestTruncatedMessages(t *testing.T) {
	ends := map[int]bool{}
	all := samples()
	for n := range all {
		ends[len(written(t, all[:n+1]...))] = true
	}
	ends[1] = true // no change at all
	message := written(t, all...)
	for n := range message {
		if got, err := Decode(message[:n]); (err == nil) != ends[n] {
			t.Errorf("the first %d of %d bytes: %+v, %v", n, len(message), got, err)
		}
	}
}

// TestMessagesAreSplit: what does not fit into one message comes to the same in several, which do
// not depend on each other.
func TestMessagesAreSplit(t *testing.T) {
	const most = 2000
	var c Change
	c.Name, c.Type, c.Whole = "l", "ipv4_addr", &Span{After: []byte{0, 0, 0, 0}}
	for n := range 1000 {
		c.Put = append(c.Put, Element{Key: []byte{1, 0, byte(n >> 8), byte(n)}, Left: time.Hour})
		c.Gone = append(c.Gone, []byte{2, 0, byte(n >> 8), byte(n)})
	}
	messages, err := Messages([]Change{{Name: "first", Put: c.Put[:3]}, c, {Name: "last"}}, most)
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) < 8 {
		t.Errorf("%d messages", len(messages))
	}
	sum := Change{Name: c.Name, Type: c.Type, Whole: &Span{After: []byte{0, 0, 0, 0}}}
	reached, names := c.Whole.After, ""
	for _, m := range messages {
		if len(m) > most {
			t.Errorf("a message of %d bytes, %d are the most", len(m), most)
		}
		changes, err := Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range changes {
			if piece.Name != c.Name {
				names += piece.Name
				continue
			}
			sum.Put, sum.Gone = append(sum.Put, piece.Put...), append(sum.Gone, piece.Gone...)
			if piece.Whole == nil {
				continue
			}
			if !bytes.Equal(piece.Whole.After, reached) {
				t.Errorf("a span begins at % x, the one before ended at % x", piece.Whole.After, reached)
			}
			if last := piece.Put[len(piece.Put)-1].Key; piece.Whole.UpTo != nil && !bytes.Equal(piece.Whole.UpTo, last) {
				t.Errorf("a span ends at % x, its keys at % x", piece.Whole.UpTo, last)
			}
			reached = piece.Whole.UpTo
		}
	}
	if reached != nil || names != "firstlast" {
		t.Errorf("the spans end at % x, the others are %q", reached, names)
	}
	if diff := cmp.Diff(c, sum); diff != "" {
		t.Errorf("(-sent +read):\n%s", diff)
	}
}

// TestAnEmptyListIsSplit: that a list is empty is said as well when much has gone.
func TestAnEmptyListIsSplit(t *testing.T) {
	c := Change{Name: "l", Whole: &Span{}}
	for n := range 1000 {
		c.Gone = append(c.Gone, []byte{byte(n >> 8), byte(n)})
	}
	messages, err := Messages([]Change{c}, 1000)
	if err != nil || len(messages) < 2 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	last, err := Decode(messages[len(messages)-1])
	if err != nil || last[len(last)-1].Whole == nil {
		t.Errorf("the last message says %+v, %v", last, err)
	}
}

// TestLongListFits is a list as long as any of an alias.
func TestLongListFits(t *testing.T) {
	c := Change{Name: "alias_x_v6", Type: "ipv6_addr", Whole: &Span{}}
	for n := range 65536 {
		c.Put = append(c.Put, Element{Key: fmt.Appendf(nil, "%016d", n), Left: time.Duration(n) * time.Second})
	}
	messages, err := Messages([]Change{c}, messageMost)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if len(m) > messageMost {
			t.Errorf("a message of %d bytes", len(m))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(written(f, samples()...))
	for _, c := range samples() {
		f.Add(written(f, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		messages, err := Messages(first, 1<<20)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", first, err)
		}
		var second []Change
		for _, m := range messages {
			part, err := Decode(m)
			if err != nil {
				t.Fatal(err)
			}
			second = append(second, part...)
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" && len(messages) == 1 {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
