package conntrack

import "testing"

// distinct has another value for each timeout.
func distinct() (t Timeouts) {
	for i, s := range t.settings() {
		*s.value = uint32(1000 + i)
	}
	t.complete()
	return t
}

func TestTimeoutOf(t *testing.T) {
	d := distinct()
	for _, tt := range []struct {
		name string
		flow Flow
		want uint32
	}{
		{"TCP established", Flow{Key: Key{Proto: TCP}, State: Established}, d.TCP[Established]},
		{"TCP closed", Flow{Key: Key{Proto: TCP}, State: Closed}, d.TCP[Closed]},
		{"TCP opened by both", Flow{Key: Key{Proto: TCP}, State: SynSent2}, 120},
		{"TCP without a state", Flow{Key: Key{Proto: TCP}}, d.TCP[SynSent]},
		{"TCP in no state", Flow{Key: Key{Proto: TCP}, State: 200}, d.Generic},
		{"SCTP established", Flow{Key: Key{Proto: SCTP}, State: 4}, d.SCTP[4]},
		{"SCTP without a state", Flow{Key: Key{Proto: SCTP}}, d.SCTP[1]},
		{"DCCP open", Flow{Key: Key{Proto: DCCPNum}, State: 4}, d.DCCP[4]},
		{"UDP", Flow{Key: Key{Proto: UDP}}, d.UDP},
		{"UDP answered", Flow{Key: Key{Proto: UDP}, Status: SeenReply}, d.UDP},
		{"UDP stream", Flow{Key: Key{Proto: UDP}, Status: SeenReply | Assured}, d.UDPStream},
		{"UDP-Lite", Flow{Key: Key{Proto: udpLite}}, d.UDP},
		{"GRE", Flow{Key: Key{Proto: GRE}}, d.GRE},
		{"GRE answered", Flow{Key: Key{Proto: GRE}, Status: SeenReply}, d.GREStream},
		{"ICMP", Flow{Key: Key{Proto: ICMP}, Status: SeenReply}, d.ICMP},
		{"ICMPv6", Flow{Key: Key{Proto: ICMPv6}}, d.ICMPv6},
		{"ESP", Flow{Key: Key{Proto: 50}, Status: SeenReply}, d.Generic},
		{"fixed", Flow{Key: Key{Proto: UDP}, Status: Fixed, Timeout: 77}, 77},
		{"expectation", Flow{Key: Key{Proto: TCP, Kind: KindExpect}, Timeout: 88}, 88},
	} {
		if got := d.Of(&tt.flow); got != tt.want || got == 0 {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLongestTimeout(t *testing.T) {
	var longest Timeouts
	for _, s := range longest.settings() {
		d := distinct()
		for i, other := range d.settings() {
			if other.name == s.name {
				*d.settings()[i].value = 5000
			}
		}
		if got := d.Longest(); got != 5000 {
			t.Errorf("%s is the longest: %d", s.name, got)
		}
	}
}
