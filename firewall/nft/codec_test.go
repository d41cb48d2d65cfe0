package nft

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// messages are the messages of a batch, without their headers, by type.
func messages(t testing.TB, b Batch) map[uint16][][]byte {
	t.Helper()
	e, err := encode(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	list := map[uint16][][]byte{}
	for rest := e.bytes; len(rest) > 0; {
		n := binary.NativeEndian.Uint32(rest)
		kind := binary.NativeEndian.Uint16(rest[4:])
		list[kind] = append(list[kind], rest[headerLen:n])
		rest = rest[n:]
	}
	return list
}

// What is written of a set is read back as it was, for every kind of set there is.
func TestSetsReadAsWritten(t *testing.T) {
	for _, s := range append(caseSets(), manyPrefixes(5000)) {
		s.Elements = sorted(s.Elements)
		list := messages(t, Batch{AddSet{"t", s}, AddElements{"t", s, s.Elements}})
		head, anonymous, err := decodeSet(list[subsystem|unix.NFT_MSG_NEWSET][0])
		if err != nil || anonymous {
			t.Fatalf("set %s: %v, anonymous %v", s.Name, err, anonymous)
		}
		s.Size = s.limit() // the kernel is told
		if diff := cmp.Diff(s.head(), head); diff != "" {
			t.Errorf("set %s (-want +got):\n%s", s.Name, diff)
		}
		var raw []rawElement
		for _, m := range list[subsystem|unix.NFT_MSG_NEWSETELEM] {
			if raw, err = decodeElements(raw, m); err != nil {
				t.Fatalf("elements of %s: %v", s.Name, err)
			}
		}
		elements, err := assemble(head, raw)
		if err != nil {
			t.Fatalf("elements of %s: %v", s.Name, err)
		}
		if gone, fresh := diffElements(elements, s.Elements); len(gone)+len(fresh) > 0 {
			t.Errorf("set %s: read %v, want %v", s.Name, gone, fresh)
		}
	}
}

// What is written of a helper is read back as it was.
func TestHelpersReadAsWritten(t *testing.T) {
	for _, want := range caseHelpers() {
		m := messages(t, Batch{AddHelper{"t", want}})[subsystem|unix.NFT_MSG_NEWOBJ][0]
		if got, err := decodeHelper(m); got != want || err != nil {
			t.Errorf("read %+v, %v, want %+v", got, err, want)
		}
	}
}

// A list of elements is split before its length no longer fits an attribute.
func TestElementsAreSplit(t *testing.T) {
	s := manyPrefixes(10_000)
	list := messages(t, Batch{AddElements{"t", s, s.Elements}})[subsystem|unix.NFT_MSG_NEWSETELEM]
	if len(list) < 7 {
		t.Errorf("%d messages for 10,000 elements", len(list))
	}
	for _, m := range list {
		if len(m) > 1<<16 {
			t.Errorf("a message of %d bytes", len(m))
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := make([]Element, 1)
	cases := map[string]Op{
		"hook":                AddChain{"t", "c", &Hook{Type: "filter", Point: "nowhere"}},
		"comment":             AddRule{Table: "t", Chain: "c", Rule: Rule{Exprs: []Expr{accept}, Comment: string(make([]byte, 300))}},
		"key":                 AddElements{"t", Set{Name: "s", Key: []Type{TypeIPv4, TypePort}}, long},
		"family":              AddElements{"t", alias(), []Element{{Key: []Value{network("fe80::/10")}}}},
		"value":               AddRule{Table: "t", Chain: "c", Rule: rule(is(IPSaddr, Value{}))},
		"values":              AddRule{Table: "t", Chain: "c", Rule: rule(is(IPSaddr, address("1.2.3.4"), address("::1")))},
		"nothing":             AddRule{Table: "t", Chain: "c", Rule: rule(is(IPSaddr))},
		"device":              AddRule{Table: "t", Chain: "c", Rule: rule(is(IIFName, Ifname("*")))},
		"set":                 AddSet{"t", Set{Name: "s", Key: []Type{TypePort}, Comment: string(make([]byte, 300))}},
		"mask of an address":  AddRule{Table: "t", Chain: "c", Rule: rule(Match{Field: IPSaddr, Mask: 1, Values: []Value{address("1.2.3.4")}})},
		"bits beside a mask":  AddRule{Table: "t", Chain: "c", Rule: rule(Match{Field: CTMark, Mask: 0xff00, Values: []Value{mark(0x100), mark(0x1)}})},
		"slots":               AddRule{Table: "t", Chain: "c", Rule: rule(Deal{By: DealRandom, Set: "s"})},
		"way to a slot":       AddRule{Table: "t", Chain: "c", Rule: rule(Deal{Slots: 2, Set: "s"})},
		"field of a source":   AddRule{Table: "t", Chain: "c", Rule: rule(Deal{By: DealSource, Slots: 2, Set: "s"})},
		"map of a slot":       AddRule{Table: "t", Chain: "c", Rule: rule(NAT{Kind: DNAT, Deal: &Deal{By: DealRandom, Slots: 2}})},
		"slot in a key":       AddSet{"t", Set{Name: "s", Key: []Type{TypeSlot, TypePort}}},
		"data of a slot":      AddSet{"t", Set{Name: "s", Key: []Type{TypeSlot}, Data: TypeMark}},
		"helper's protocol":   AddHelper{"t", Helper{"h", "ftp", 99}},
		"bits of a device":    AddRule{Table: "t", Chain: "c", Rule: rule(Match{Field: IIFName, Mask: 1, Values: []Value{Ifname("eth0")}})},
		"device of the table": AddRule{Table: "t", Chain: "c", Rule: rule(Lookup{Fields: []Field{FIBDaddrOIFName}, Set: "s"})},
		"name":                AddCounter{"t", string(make([]byte, 1<<17))},
	}
	for name, op := range cases {
		if _, err := encode(Batch{op}, 0); err == nil {
			t.Errorf("%s: no fault", name)
		}
	}
}

// decoders are all functions that read what comes from the kernel.
func decoders() map[string]func([]byte) error {
	elements := func(s Set) func([]byte) error {
		return func(b []byte) error {
			raw, err := decodeElements(nil, b)
			if err != nil {
				return err
			}
			_, err = assemble(s, raw)
			return err
		}
	}
	d := map[string]func([]byte) error{
		"generation": func(b []byte) error { _, err := decodeGeneration(b); return err },
		"chain":      func(b []byte) error { _, err := decodeChain(b); return err },
		"helper":     func(b []byte) error { _, err := decodeHelper(b); return err },
		"counter":    func(b []byte) error { _, _, err := decodeCounter(b); return err },
		"set":        func(b []byte) error { _, _, err := decodeSet(b); return err },
		"trace":      func(b []byte) error { _, err := decodeTrace(b); return err },
		"rule":       func(b []byte) error { _, _, err := decodeRule(b); return err },
		"event":      func(b []byte) error { decodeEvent(b); return nil },
		"fault":      func(b []byte) error { fault{}.earliest(b); return nil },
	}
	for _, s := range caseSets() {
		d["elements of "+s.Name] = elements(s)
	}
	return d
}

// samples are messages of all kinds that the decoders read.
func samples(t testing.TB) [][]byte {
	t.Helper()
	var b Batch
	for _, s := range caseSets() {
		b = append(b, AddSet{"t", s}, AddElements{"t", s, s.Elements})
	}
	for _, c := range caseChains() {
		b = append(b, AddChain{"t", c.Name, c.Hook})
	}
	for _, h := range caseHelpers() {
		b = append(b, AddHelper{"t", h})
	}
	b = append(b, AddCounter{"t", "n"}, AddRule{Table: "t", Chain: "c", Rule: Rule{Exprs: []Expr{accept}, Comment: "r"}})
	var w wire
	for _, c := range traceCases() {
		appendTrace(&w, c)
	}
	w.begin(unix.NFT_MSG_NEWOBJ, 0, 1)
	w.text(unix.NFTA_OBJ_NAME, "n")
	at := w.nest(unix.NFTA_OBJ_DATA)
	w.uint64(unix.NFTA_COUNTER_BYTES, 100)
	w.uint64(unix.NFTA_COUNTER_PACKETS, 2)
	w.close(at)
	w.end()
	w.begin(unix.NFT_MSG_NEWGEN, 0, 1)
	w.uint32(unix.NFTA_GEN_ID, 77)
	w.uint32(unix.NFTA_GEN_PROC_PID, 5)
	w.text(unix.NFTA_GEN_PROC_NAME, "nft")
	w.end()
	var list [][]byte
	for _, group := range messages(t, b) {
		list = append(list, group...)
	}
	for rest := w.buf; len(rest) > 0; {
		n := binary.NativeEndian.Uint32(rest)
		list = append(list, rest[headerLen:n])
		rest = rest[n:]
	}
	return list
}

// No cut of a message makes a decoder panic; a cut inside an attribute is a fault.
func TestDecodersTruncated(t *testing.T) {
	for _, m := range samples(t) {
		for n := range len(m) {
			for _, decode := range decoders() {
				_ = decode(m[:n])
			}
		}
	}
	counter := samples(t)
	last := counter[len(counter)-2]
	for _, n := range []int{0, 3, 5, len(last) - 1, len(last) - 9} {
		if _, _, err := decodeCounter(last[:n]); err == nil {
			t.Errorf("a counter cut to %d of %d bytes is no fault", n, len(last))
		}
	}
	if name, c, err := decodeCounter(last); name != "n" || c != (Counter{2, 100}) || err != nil {
		t.Errorf("counter %q %v %v", name, c, err)
	}
	if e := decodeEvent(counter[len(counter)-1]); e != (Event{Generation: 77, PID: 5, Process: "nft"}) {
		t.Errorf("event %+v", e)
	}
}

func TestDecodersMalformed(t *testing.T) {
	cases := map[string][]byte{
		"no length":         {0, 0, 0, 0, 0, 0, 1, 0},
		"length too small":  {0, 0, 0, 0, 3, 0, 1, 0},
		"length too large":  {0, 0, 0, 0, 9, 0, 1, 0},
		"number of 3 bytes": {0, 0, 0, 0, 7, 0, byte(unix.NFTA_SET_FLAGS), 0, 1, 2, 3, 0},
		"nest of rubbish":   {0, 0, 0, 0, 8, 0, byte(unix.NFTA_SET_DESC), 0x80, 200, 0, 1, 0},
	}
	for name, m := range cases {
		if _, _, err := decodeSet(m); err == nil {
			t.Errorf("%s: no fault", name)
		}
	}
}

func TestHelperMalformed(t *testing.T) {
	var w wire
	w.begin(unix.NFT_MSG_NEWOBJ, 0, 1)
	at := w.nest(unix.NFTA_OBJ_DATA)
	w.bytes(helperProtocol, []byte{6, 0})
	w.close(at)
	w.end()
	if h, err := decodeHelper(w.buf[headerLen:]); err == nil {
		t.Errorf("a protocol of two bytes is read as %+v", h)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples(f) {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		for _, decode := range decoders() {
			_ = decode(m)
		}
	})
}

// Ranges are put together from their ends in whatever order the kernel tells them, with
// the gap that nft puts before the first, with ends left out between neighbours, and open at the top.
func TestAssembleRanges(t *testing.T) {
	end := func(a ...byte) rawElement { return rawElement{key: a, end: true} }
	start := func(a ...byte) rawElement { return rawElement{key: a} }
	cases := []struct {
		name string
		raw  []rawElement
		want string
	}{
		{"empty", nil, "[]"},
		{"gap", []rawElement{end(0, 0, 0, 0), start(10, 0, 0, 0), end(11, 0, 0, 0)}, "[10.0.0.0/8]"},
		{"backwards", []rawElement{end(11, 0, 0, 0), start(10, 0, 0, 0), end(0, 0, 0, 0)}, "[10.0.0.0/8]"},
		{"neighbours", []rawElement{start(10, 0, 0, 0), start(11, 0, 0, 0), end(12, 0, 0, 0)}, "[10.0.0.0/8 11.0.0.0/8]"},
		{"neighbours with both ends", []rawElement{start(11, 0, 0, 0), start(10, 0, 0, 0), end(11, 0, 0, 0), end(12, 0, 0, 0)}, "[10.0.0.0/8 11.0.0.0/8]"},
		{"open", []rawElement{start(224, 0, 0, 0)}, "[224.0.0.0/3]"},
		{"all", []rawElement{start(0, 0, 0, 0)}, "[0.0.0.0/0]"},
	}
	for _, c := range cases {
		elements, err := assemble(alias(), c.raw)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte("[")
		for i, e := range elements {
			if i > 0 {
				text = append(text, ' ')
			}
			text = e.appendText(text, []Type{TypeIPv4}, 0)
		}
		if got := string(text) + "]"; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPrefixBits(t *testing.T) {
	cases := []struct {
		from, to string
		want     int
	}{
		{"0.0.0.0", "255.255.255.255", 0}, {"10.0.0.0", "10.255.255.255", 8}, {"1.2.3.4", "1.2.3.4", 32},
		{"1.2.3.4", "1.2.3.5", 31}, {"1.2.3.5", "1.2.3.6", -1}, {"1.2.3.0", "1.2.3.254", -1}, {"127.0.0.0", "128.255.255.255", -1},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0}, {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 32},
		{"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", 64}, {"2001:db8::", "2001:db8::1", 127}, {"2001:db8::1", "2001:db8::2", -1},
		{"2001:db8::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", -1}, {"::", "::1:ffff:ffff:ffff:ffff", 63},
	}
	for _, c := range cases {
		v := between(c.from, c.to)
		if got := prefixBits(v.From, v.To); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Millisecond: "1ms", 90 * time.Second: "1m30s", 26*time.Hour + 3*time.Second + 4*time.Millisecond: "1d2h3s4ms",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

// The first fault in the order of the batch counts, wherever it comes among the answers.
func TestEarliestFault(t *testing.T) {
	answer := func(seq uint32, errno int32) []byte {
		b := binary.NativeEndian.AppendUint32(nil, 36)
		b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_ERROR)
		b = append(b, 0, 0)
		b = binary.NativeEndian.AppendUint32(b, seq)
		b = append(b, 0, 0, 0, 0)
		b = binary.NativeEndian.AppendUint32(b, uint32(-errno))
		return append(b, make([]byte, 16)...)
	}
	f := fault{}.earliest(slices.Concat(answer(9, 0), answer(7, 2), answer(3, 17)))
	f = f.earliest(answer(5, 1))
	if f != (fault{3, unix.EEXIST}) {
		t.Errorf("got %+v", f)
	}
	if f := (fault{}).earliest(bytes.Repeat([]byte{0xff}, 40)); f != (fault{}) {
		t.Errorf("rubbish is %+v", f)
	}
}
