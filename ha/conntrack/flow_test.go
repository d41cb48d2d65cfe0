package conntrack

import "testing"

func TestInverse(t *testing.T) {
	for _, tc := range []struct {
		name         string
		proto        uint8
		there, again Tuple
	}{
		{"tcp", TCP, tupleOf("10.0.0.1:1", "10.0.0.2:2"), tupleOf("10.0.0.2:2", "10.0.0.1:1")},
		{"echo", ICMP, tupleOf("10.0.0.1:77", "10.0.0.2:2048"), tupleOf("10.0.0.2:77", "10.0.0.1:0")},
		{"timestamp", ICMP, tupleOf("10.0.0.1:77", "10.0.0.2:3328"), tupleOf("10.0.0.2:77", "10.0.0.1:3584")},
		{"information", ICMP, tupleOf("10.0.0.1:77", "10.0.0.2:3840"), tupleOf("10.0.0.2:77", "10.0.0.1:4096")},
		{"mask", ICMP, tupleOf("10.0.0.1:77", "10.0.0.2:4353"), tupleOf("10.0.0.2:77", "10.0.0.1:4609")},
		{"unreachable", ICMP, tupleOf("10.0.0.1:77", "10.0.0.2:769"), tupleOf("10.0.0.2:77", "10.0.0.1:769")},
		{"echo6", ICMPv6, tupleOf("[fd00::1]:77", "[fd00::2]:32768"), tupleOf("[fd00::2]:77", "[fd00::1]:33024")},
		{"node information", ICMPv6, tupleOf("[fd00::1]:77", "[fd00::2]:35586"), tupleOf("[fd00::2]:77", "[fd00::1]:35842")},
		{"solicitation", ICMPv6, tupleOf("[fd00::1]:77", "[fd00::2]:34560"), tupleOf("[fd00::2]:77", "[fd00::1]:34560")},
	} {
		if got := tc.there.Inverse(tc.proto); got != tc.again {
			t.Errorf("%s: %+v, not %+v", tc.name, got, tc.again)
		}
		if got := tc.again.Inverse(tc.proto); got != tc.there {
			t.Errorf("%s back: %+v, not %+v", tc.name, got, tc.there)
		}
	}
}

func TestSame(t *testing.T) {
	office := between(TCP, "10.1.2.9:40000", "198.51.100.7:443").as("203.0.113.2", 0)
	query := between(UDP, "10.1.2.9:40000", "198.51.100.7:53")
	with := func(f Flow, change func(f *Flow)) Flow { change(&f); return f }
	offloaded := with(office, func(f *Flow) {
		f.State, f.Flags, f.Scale, f.Status = 0, [2]TCPFlags{}, [2]uint8{}, f.Status|Offload
	})
	unscaled := with(office, func(f *Flow) { f.Flags[1] = SACK })
	for _, tc := range []struct {
		name string
		a, b Flow
		want bool
	}{
		{"itself", office, office, true},
		{"timeout", office, with(office, func(f *Flow) { f.Timeout = 9 }), true},
		{"as another kernel has it", office, carried(office), true},
		{"status that does not count", office, with(office, func(f *Flow) { f.Status ^= Expected | Confirmed | SrcNATDone | Fixed | Helped | HWOffload }), true},
		{"liberal", office, with(office, func(f *Flow) { f.Flags[0] |= Liberal | AckSeen }), true},
		{"offloaded", office, offloaded, true},
		{"offloaded and closing", with(office, func(f *Flow) { f.State = FinWait }), offloaded, false},
		{"scale that nobody agreed on", unscaled, with(unscaled, func(f *Flow) { f.Scale = [2]uint8{} }), true},
		{"scale", office, with(office, func(f *Flow) { f.Scale[1]++ }), false},
		{"SACK", office, with(office, func(f *Flow) { f.Flags[1] ^= SACK }), false},
		{"assured", office, with(office, func(f *Flow) { f.Status ^= Assured }), false},
		{"answered", query, with(query, func(f *Flow) { f.Status ^= SeenReply }), false},
		{"not translated", office, with(office, func(f *Flow) { f.Status ^= SrcNAT }), false},
		{"translated otherwise", office, office.as("203.0.113.3", 0), false},
		{"adjusted", office, with(office, func(f *Flow) { f.Status ^= SeqAdjust }), false},
		{"mark", query, with(query, func(f *Flow) { f.Mark = 1 }), false},
		{"zone", query, with(query, func(f *Flow) { f.Zone = 1 }), false},
		{"state", office, with(office, func(f *Flow) { f.State = Closed }), false},
		{"kind", query, with(query, func(f *Flow) { f.Kind = KindExpect }), false},
	} {
		if tc.a.Same(&tc.b) != tc.want || tc.b.Same(&tc.a) != tc.want {
			t.Errorf("%s: not %t for\n%+v\n%+v", tc.name, tc.want, tc.a, tc.b)
		}
	}
}

func TestPrint(t *testing.T) {
	want := map[string]string{
		"tcp":              "tcp 10.1.2.9:40000 -> 198.51.100.7:443 ESTABLISHED",
		"tcp6":             "tcp [2001:db8::9]:40000 -> [2001:db8:1::7]:443 ESTABLISHED",
		"zone":             "tcp 10.1.2.9:40000 -> 198.51.100.7:443 zone 513 ESTABLISHED",
		"fin":              "tcp 10.1.2.9:40002 -> 198.51.100.7:443 FIN_WAIT",
		"offloaded":        "tcp 10.1.2.9:40004 -> 198.51.100.7:443 (as 203.0.113.2:40004) ESTABLISHED",
		"unanswered":       "udp 10.1.2.9:5353 -> 198.51.100.7:53 UNREPLIED",
		"udp":              "udp 10.1.2.9:5000 -> 198.51.100.7:53",
		"icmp":             "icmp 10.1.2.9 -> 198.51.100.7 type 8 code 0 id 4660",
		"icmp id":          "icmp 10.1.2.9 -> 198.51.100.7 type 8 code 0 id 4661 (as 203.0.113.2 id 17185)",
		"icmp to":          "icmp 10.1.2.9 -> 203.0.113.9 type 8 code 0 id 4662 (to 10.2.0.4)",
		"as port":          "tcp 10.1.2.9:40011 -> 198.51.100.7:443 (as 203.0.113.2:1025) ESTABLISHED",
		"to port":          "tcp 198.51.100.7:40013 -> 203.0.113.2:443 (to 10.2.0.4:8443) ESTABLISHED",
		"both":             "udp 10.1.2.9:40014 -> 203.0.113.2:53 (as 10.2.0.1:2000, to 10.2.0.4:5353)",
		"esp as":           "protocol 50 10.1.2.10 -> 198.51.100.7 (as 203.0.113.2)",
		"sctp":             "sctp 10.1.2.9:2905 -> 198.51.100.7:36412 state 4",
		"zone of original": "udp 10.1.2.9:5001 -> 198.51.100.7:53 zone 7",
		"expectation":      "expect tcp 198.51.100.7:0 -> 203.0.113.2:41001",
	}
	for _, s := range append(samples(), expected()) {
		line, ok := want[s.name]
		if got := s.flow.String(); ok && got != line {
			t.Errorf("%s: %q, not %q", s.name, got, line)
		}
		delete(want, s.name)
	}
	for name := range want {
		t.Errorf("no sample %q", name)
	}
}
