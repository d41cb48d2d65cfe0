package conntrack

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// message is one of the kernel's, of attributes that were appended.
func message(what msg, flags flag, family uint8, attributes ...[]byte) []byte {
	b := appendHeader(nil, what, flags, 5, family)
	for _, a := range attributes {
		b = append(b, a...)
	}
	return appendLength(b, 0)
}

// value is an attribute with bytes as they are.
func value(kind attr, v ...byte) []byte {
	b := append(appendAttr(nil, kind, len(v)), v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// nest is an attribute of attributes.
func nest(kind attr, inside ...[]byte) []byte {
	b := appendNest(nil, kind)
	for _, in := range inside {
		b = append(b, in...)
	}
	return endNest(b, 0)
}

// tuples are those that a message about a flow must have.
func tuples() []byte {
	f := between(TCP, "10.1.2.9:40000", "198.51.100.7:443")
	return appendTuple(appendTuple(nil, ctaTupleOrig, &f.Orig, IPv4, TCP, 0), ctaTupleReply, &f.Reply, IPv4, TCP, 0)
}

// withErrno is an answer of netlink itself.
func withErrno(what msg, errno int32) []byte {
	b := appendHeader(nil, what, 0, 5, 0)
	binary.NativeEndian.PutUint32(b[headerLen:], uint32(errno))
	return appendLength(b, 0)
}

func TestMalformed(t *testing.T) {
	sound := tuples()
	orig := sound[:len(sound)/2]
	other := between(UDP, "10.1.2.9:40000", "198.51.100.7:443")
	ip := nest(ctaTupleIP, value(ctaIPv4Src, 10, 1, 2, 9), value(ctaIPv4Dst, 198, 51, 100, 7))
	tcp := nest(ctaTupleProto, value(ctaProtoNum, TCP))
	flow := func(attributes ...[]byte) []byte {
		return message(msgFlow|msgNew, 0, IPv4, append([][]byte{sound}, attributes...)...)
	}
	bare := func(attributes ...[]byte) []byte { return message(msgFlow|msgNew, 0, IPv4, attributes...) }
	long := make([]byte, 40)
	for i := range long {
		long[i] = 'a'
	}
	longer, shorter := flow(), flow()
	binary.NativeEndian.PutUint32(longer, uint32(len(longer)+4))
	binary.NativeEndian.PutUint32(shorter, 12)
	for _, tc := range []struct {
		name string
		msg  []byte
		want Malformed
	}{
		{"nothing", nil, BadLength},
		{"longer than it is", longer, BadLength},
		{"shorter than its header", shorter, BadLength},
		{"no family", appendLength(flow()[:headerLen+2], 0), BadLength},
		{"family", message(msgFlow|msgNew, 0, 3, sound), BadFamily},
		{"family of another", message(msgFlow|msgNew, 0, IPv6, sound), BadFamily},
		{"expectation of no family", message(msgExpect|msgNew, 0, 0, sound), BadFamily},
		{"no tuples", bare(), IncompleteEntry},
		{"no reply", bare(orig), IncompleteEntry},
		{"no original", bare(sound[len(orig):]), IncompleteEntry},
		{"reply of another protocol", flow(appendTuple(nil, ctaTupleReply, &other.Reply, IPv4, UDP, 0)), BadTuple},
		{"tuple of nothing", flow(nest(ctaTupleReply)), BadTuple},
		{"tuple without protocol", flow(nest(ctaTupleReply, ip)), BadTuple},
		{"tuple without number", flow(nest(ctaTupleReply, ip, nest(ctaTupleProto))), BadTuple},
		{"tuple without addresses", flow(nest(ctaTupleReply, tcp)), BadTuple},
		{"tuple without source", flow(nest(ctaTupleReply, tcp, nest(ctaTupleIP, value(ctaIPv4Dst, 1, 2, 3, 4)))), BadTuple},
		{"short address", flow(nest(ctaTupleReply, tcp, nest(ctaTupleIP, value(ctaIPv4Dst, 1, 2, 3)))), BadValue},
		{"long address", flow(nest(ctaTupleReply, tcp, nest(ctaTupleIP, value(ctaIPv4Dst, long[:16]...)))), BadValue},
		{"long number", flow(nest(ctaTupleReply, ip, nest(ctaTupleProto, value(ctaProtoNum, 6, 0)))), BadValue},
		{"short port", flow(nest(ctaTupleReply, ip, nest(ctaTupleProto, value(ctaSrcPort, 6)))), BadValue},
		{"short ICMP type", flow(nest(ctaTupleReply, ip, nest(ctaTupleProto, value(ctaICMPType)))), BadValue},
		{"zone of a tuple", flow(nest(ctaTupleReply, ip, tcp, value(ctaTupleZone, 1))), BadValue},
		{"short status", flow(value(ctaStatus, 0, 0, 8)), BadValue},
		{"long timeout", flow(value(ctaTimeout, 0, 0, 0, 0, 8)), BadValue},
		{"empty mark", flow(value(ctaMark)), BadValue},
		{"short zone", flow(value(ctaZone, 1)), BadValue},
		{"labels", flow(value(ctaLabels, long...)), BadValue},
		{"long helper", flow(nest(ctaHelp, value(ctaHelpName, long[:16]...))), BadValue},
		{"state", flow(nest(ctaProtoInfo, nest(ctaInfoTCP, value(ctaTCPState, 0, 3)))), BadValue},
		{"scale", flow(nest(ctaProtoInfo, nest(ctaInfoTCP, value(ctaTCPScaleOrig)))), BadValue},
		{"flags", flow(nest(ctaProtoInfo, nest(ctaInfoTCP, value(ctaTCPFlagsReply, 3)))), BadValue},
		{"tag", flow(nest(ctaProtoInfo, nest(ctaInfoSCTP, value(ctaSCTPVTagReply, 3)))), BadValue},
		{"handshake", flow(nest(ctaProtoInfo, nest(ctaInfoDCCP, value(ctaDCCPHandshake, 1, 2, 3, 4)))), BadValue},
		{"adjustment", flow(nest(ctaSeqAdjOrig, value(ctaSeqAdjPos, 1, 2))), BadValue},
		{"proxy", flow(nest(ctaSynProxy, value(ctaSynProxyITS, 1, 2))), BadValue},
		{"attribute longer than the message", flow([]byte{8, 0, 3, 0, 0, 0}), BadAttribute},
		{"attribute shorter than its header", flow([]byte{2, 0, 3, 0}), BadAttribute},
		{"half an attribute", flow([]byte{8, 0}), BadAttribute},
		{"half an attribute within another", flow(nest(ctaProtoInfo, []byte{8, 0})), BadAttribute},
		{"expectation without master", message(msgExpect|msgNew, 0, IPv4, nest(ctaExpectTuple, ip, tcp)), IncompleteEntry},
		{"expectation without tuple", message(msgExpect|msgNew, 0, IPv4, nest(ctaExpectMaster, ip, tcp)), IncompleteEntry},
		{"class", message(msgExpect|msgNew, 0, IPv4, value(ctaExpectClass, 1)), BadValue},
		{"direction", message(msgExpect|msgNew, 0, IPv4, nest(ctaExpectNAT, value(ctaExpectNATDir, 1))), BadValue},
		{"long function", message(msgExpect|msgNew, 0, IPv4, value(ctaExpectFn, long[:32]...)), BadValue},
		{"answer without number", appendLength(withErrno(msgError, 0)[:headerLen+2], 0), BadErrno},
		{"end without number", appendLength(withErrno(msgDone, 0)[:headerLen], 0), BadErrno},
		{"no error", withErrno(msgError, 17), BadErrno},
		{"least error", withErrno(msgError, -1<<31), BadErrno},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m Message
			if err := m.Parse(tc.msg); !errors.Is(err, tc.want) {
				t.Errorf("%v, not %v: %+v", err, tc.want, m)
			}
		})
	}
	var m Message
	if err := m.Parse(flow()); err != nil {
		t.Errorf("what the others are made of is not sound: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		msg  []byte
		want Message
	}{
		{"acknowledged", withErrno(msgError, 0), Message{Event: Refused, Seq: 5}},
		{"taken", withErrno(msgError, -17), Message{Event: Refused, Seq: 5, Errno: 17}},
		{"done", withErrno(msgDone, 0), Message{Event: Done, Seq: 5}},
		{"done badly", withErrno(msgDone, -4), Message{Event: Done, Seq: 5, Errno: 4}},
		{"statistics", message(msgFlow|5, 0, 0, value(1, 0, 0, 0, 1)), Message{Event: Other, Seq: 5}},
		{"another subsystem", message(10<<8|msgError, 0, 0), Message{Event: Other, Seq: 5}},
		{"another subsystem's end", message(msgFlow|msgDone, 0, 0), Message{Event: Other, Seq: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parsed(t, tc.msg)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		what  msg
		flags flag
		want  Event
	}{
		{msgFlow | msgNew, flagCreate | flagExclusive, New},
		{msgFlow | msgNew, 0, Update},
		{msgFlow | msgDelete, 0, Destroy},
	} {
		b := message(tc.what, tc.flags, IPv4, tuples())
		binary.NativeEndian.PutUint32(b[12:], 4711)
		m := parsed(t, b)
		if m.Event != tc.want || m.Port != 4711 || m.Seq != 5 || m.Has != 0 {
			t.Errorf("message %#x with flags %#x: %+v", tc.what, tc.flags, m)
		}
	}
	s := expected()
	for what, want := range map[msg]Event{msgNew: Update, msgDelete: Destroy} {
		b := AppendCreate(nil, 5, &s.flow, &s.extra, 600)
		binary.NativeEndian.PutUint16(b[4:], uint16(msgExpect|what))
		binary.NativeEndian.PutUint16(b[6:], 0)
		if m := parsed(t, b); m.Event != want || m.Flow.Kind != KindExpect {
			t.Errorf("expectation %d: %v of a %v", what, m.Event, m.Flow.Kind)
		}
	}
}

// TestUnknownAttributesArePassedOver is about a kernel that says more than this one.
func TestUnknownAttributesArePassedOver(t *testing.T) {
	f := between(TCP, "10.1.2.9:40000", "198.51.100.7:443")
	news := value(99, 1, 2, 3)
	side := func(kind attr, t *Tuple) []byte {
		return nest(kind, news, nest(ctaTupleIP, value(ctaIPv4Src, t.Src[:4]...), news, value(ctaIPv4Dst, t.Dst[:4]...)),
			nest(ctaTupleProto, news, value(ctaProtoNum, TCP), value(ctaSrcPort, byte(t.SrcPort>>8), byte(t.SrcPort)),
				value(ctaDstPort, byte(t.DstPort>>8), byte(t.DstPort))))
	}
	m := parsed(t, message(msgFlow|msgNew, 0, IPv4, news, side(ctaTupleOrig, &f.Orig), side(ctaTupleReply, &f.Reply), news,
		nest(ctaProtoInfo, news, nest(ctaInfoTCP, news, value(ctaTCPState, 3))), nest(ctaHelp, news, value(ctaHelpName, 'f', 't', 'p', 0))))
	want := Flow{Key: f.Key, Reply: f.Reply, State: Established}
	if diff := cmp.Diff(want, m.Flow); diff != "" || m.Extra != (Extra{Helper: named[[16]byte]("ftp")}) || m.Has != HasProto|HasHelper {
		t.Errorf("-want +got:\n%s%+v %b", diff, m.Extra, m.Has)
	}
}

// TestCutMessages cuts every message at every length, with its header telling so and without.
func TestCutMessages(t *testing.T) {
	all := append(samples(), expected())
	for _, s := range all {
		whole := AppendCreate(nil, 1, &s.flow, &s.extra, 600)
		for n := range len(whole) {
			if msg, _, err := Split(whole[:n:n]); err == nil {
				t.Fatalf("%s, cut at %d: split off %d bytes", s.name, n, len(msg))
			}
			var m Message
			if err := m.Parse(whole[:n:n]); err == nil {
				t.Fatalf("%s, cut at %d: parsed", s.name, n)
			}
			if n < headerLen {
				continue
			}
			cut := appendLength(append([]byte(nil), whole[:n]...), 0)
			// A cut between attributes is a message; it must still have what a flow needs.
			if err := m.Parse(cut[:n:n]); err == nil && (m.Flow.Proto != s.flow.Proto || m.Flow.Orig != s.flow.Orig) {
				t.Fatalf("%s, shortened to %d: %+v", s.name, n, m.Flow)
			}
		}
	}
}

// TestParseForgets says that nothing of a message stays in the next.
func TestParseForgets(t *testing.T) {
	all := append(samples(), expected())
	var used Message
	for _, a := range all {
		for _, b := range all {
			first, second := AppendCreate(nil, 1, &a.flow, &a.extra, 600), AppendCreate(nil, 2, &b.flow, &b.extra, 600)
			if err := errors.Join(used.Parse(first), used.Parse(second)); err != nil {
				t.Fatal(err)
			}
			if fresh := parsed(t, second); fresh != used {
				t.Fatalf("%s stays in %s: %+v", a.name, b.name, used)
			}
		}
	}
}

// TestOrderDoesNotMatter reads each message as it is laid out by the kernel, which is read in a way of its own, and with
// its attributes in the reverse order.
func TestOrderDoesNotMatter(t *testing.T) {
	for _, s := range samples() {
		b := AppendCreate(nil, 1, &s.flow, &s.extra, 600)
		const body = headerLen + familyLen
		turned := append(append([]byte(nil), b[:body]...), reversed(b[body:], "")...)
		if diff := cmp.Diff(parsed(t, b), parsed(t, turned)); diff != "" {
			t.Errorf("%s (-as it was +reversed):\n%s", s.name, diff)
		}
	}
}

// reversed turns the order of attributes around, and of those that they hold.
func reversed(b []byte, path string) (out []byte) {
	for a := attributes(b); a.next(); {
		one := append([]byte(nil), b[a.from-attrLen:min(a.after, len(b))]...)
		if inner, ok := holds(path)[a.kind]; ok {
			copy(one[attrLen:], reversed(a.value(), inner))
		}
		out = append(one, out...)
	}
	return out
}

func TestSplit(t *testing.T) {
	one, two := message(msgFlow, 0, IPv4), withErrno(msgDone, 0)
	odd := append(message(msgFlow, 0, IPv4), 1, 2, 3)
	odd = appendLength(odd, 0)
	padded := append(append([]byte(nil), odd...), 0)
	for _, tc := range []struct {
		name      string
		b         []byte
		msg, rest int
		err       error
	}{
		{"nothing", nil, 0, 0, BadLength},
		{"one", one, len(one), 0, nil},
		{"two", append(append([]byte(nil), one...), two...), len(one), len(two), nil},
		{"padding", append(padded, two...), len(odd), len(two), nil},
		{"padding left out at the end", odd, len(odd), 0, nil},
		{"half a header", one[:headerLen-1], 0, 0, BadLength},
		{"half a message", one[:len(one)-1], 0, 0, BadLength},
		{"shorter than a header", []byte{15, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, BadLength},
		{"of a size beyond int32", []byte{255, 255, 255, 255, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, BadLength},
	} {
		msg, rest, err := Split(tc.b)
		if len(msg) != tc.msg || len(rest) != tc.rest || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d and %d bytes, %v", tc.name, len(msg), len(rest), err)
		}
	}
}

func TestMalformedSaysWhat(t *testing.T) {
	said := map[string]bool{}
	for m := BadLength; m <= IncompleteEntry; m++ {
		said[m.Error()] = true
	}
	if len(said) != int(IncompleteEntry) || said[sound.Error()] || Malformed(200).Error() != sound.Error() {
		t.Errorf("%v", said)
	}
}
