package conntrack

import "testing"

// requests are all kinds of requests about a flow.
func requests(b []byte, s *sample) []byte {
	b = AppendCreate(b, 1, &s.flow, &s.extra, 600)
	b = AppendUpdate(b, 2, &s.flow, &s.extra, 600)
	b = AppendTimeout(b, 3, &s.flow.Key, 600)
	b = AppendTighten(b, 4, &s.flow.Key)
	b = AppendEnd(b, 5, &s.flow.Key)
	b = AppendAsk(b, 6, &s.flow.Key)
	b = AppendAskReply(b, 7, &s.flow.Key, &s.flow.Reply)
	return AppendWalk(b, 8, s.flow.Kind, s.flow.Family)
}

func TestNoGarbage(t *testing.T) {
	room := make([]byte, 0, 1<<12)
	var m Message
	for _, s := range append(samples(), expected()) {
		msg := AppendCreate(nil, 1, &s.flow, &s.extra, 600)
		broken := append(append([]byte(nil), msg...), 1, 2)
		broken = appendLength(broken, 0)
		for what, do := range map[string]func(){
			"append": func() { room = requests(room[:0], &s) },
			"split and parse": func() {
				one, _, err := Split(msg)
				if err != nil || m.Parse(one) != nil {
					t.Error("not parsed")
				}
			},
			"refuse": func() {
				if m.Parse(broken) == nil {
					t.Error("parsed")
				}
			},
			"compare": func() {
				if !s.flow.Same(&s.flow) {
					t.Error("not the same as itself")
				}
			},
		} {
			if n := testing.AllocsPerRun(100, do); n != 0 {
				t.Errorf("%s %s: %v allocations", what, s.name, n)
			}
		}
	}
}

// event is the message with which a kernel with accounting and timestamps tells a translated TCP flow.
func event() []byte {
	f := between(TCP, "10.1.2.9:40000", "198.51.100.7:443").as("203.0.113.2", 1025)
	counters := func(kind attr) []byte {
		return nest(kind, appendUint64(nil, 1, 10), appendUint64(nil, 2, 5000))
	}
	m, err := born(AppendCreate(nil, 1, &f, nil, 432000))
	if err != nil {
		panic(err)
	}
	b := appendHeader(nil, msgFlow|msgNew, 0, 0, IPv4)
	b = appendTuple(b, ctaTupleOrig, &f.Orig, IPv4, TCP, 0)
	b = appendTuple(b, ctaTupleReply, &f.Reply, IPv4, TCP, 0)
	b = appendUint32(b, 12, 77) // CTA_ID
	b = appendUint32(b, ctaStatus, uint32(m.Flow.Status))
	b = appendUint32(b, ctaTimeout, 432000)
	b = append(append(b, counters(9)...), counters(10)...)
	b = f.appendInfo(b, nil)
	b = appendUint32(b, ctaMark, 0x20000)
	return appendLength(b, 0)
}

func BenchmarkParse(b *testing.B) {
	msg := event()
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if m.Parse(msg) != nil {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkParseDestroy(b *testing.B) {
	f := between(TCP, "10.1.2.9:40000", "198.51.100.7:443").as("203.0.113.2", 1025)
	msg := appendHeader(nil, msgFlow|msgDelete, 0, 0, IPv4)
	msg = appendTuple(msg, ctaTupleOrig, &f.Orig, IPv4, TCP, 0)
	msg = appendTuple(msg, ctaTupleReply, &f.Reply, IPv4, TCP, 0)
	msg = appendLength(appendUint32(msg, 12, 77), 0)
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if m.Parse(msg) != nil {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkAppendCreate(b *testing.B) {
	plain := between(TCP, "10.1.2.9:40000", "198.51.100.7:443")
	plain.Mark = 0x20000
	for name, f := range map[string]Flow{
		"tcp":            plain,
		"translated":     plain.as("203.0.113.2", 1025),
		"translated IP6": between(TCP, "[2001:db8::9]:40015", "[2001:db8:ffff::2]:443").as("2001:db8:2::1", 2001),
	} {
		b.Run(name, func(b *testing.B) {
			room := make([]byte, 0, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				room = AppendCreate(room[:0], 1, &f, nil, 600)
			}
		})
	}
}

func BenchmarkAppendEnd(b *testing.B) {
	f := between(TCP, "10.1.2.9:40000", "198.51.100.7:443")
	room := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		room = AppendEnd(room[:0], 1, &f.Key)
	}
}
