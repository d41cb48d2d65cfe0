package conntrack

// Timeouts are how long the kernel keeps silent flows, in seconds, as its settings are.
type Timeouts struct {
	TCP       [16]uint32 // by State
	UDP       uint32
	UDPStream uint32
	ICMP      uint32
	ICMPv6    uint32
	GRE       uint32
	GREStream uint32
	SCTP      [16]uint32 // by State
	DCCP      [16]uint32 // by State
	Generic   uint32
}

// udpLite is the number of a protocol that the kernel treats as UDP, RFC 3828.
const udpLite uint8 = 136

// Of is the timeout that the kernel gives a flow in this state after a packet. Where packets do not change
// it, as with an expectation, it is what is left. While one end of a TCP flow owes an acknowledgment the
// kernel gives less.
func (t *Timeouts) Of(f *Flow) uint32 {
	if f.Kind == KindExpect || f.Status&Fixed != 0 {
		return f.Timeout
	}
	switch f.Proto {
	case TCP:
		return t.inState(&t.TCP, f.State)
	case SCTP:
		return t.inState(&t.SCTP, f.State)
	case DCCPNum:
		return t.inState(&t.DCCP, f.State)
	case UDP, udpLite:
		if f.Status&Assured != 0 { // answered, and still alive after two seconds
			return t.UDPStream
		}
		return t.UDP
	case GRE:
		if f.Status&SeenReply != 0 {
			return t.GREStream
		}
		return t.GRE
	case ICMP:
		return t.ICMP
	case ICMPv6:
		return t.ICMPv6
	}
	return t.Generic
}

// inState is Generic for a state that no protocol has.
func (t *Timeouts) inState(of *[16]uint32, s State) uint32 {
	if int(s) < len(of) {
		return of[s]
	}
	return t.Generic
}

// Longest is the longest of them.
func (t *Timeouts) Longest() uint32 {
	longest := max(t.UDP, t.UDPStream, t.ICMP, t.ICMPv6, t.GRE, t.GREStream, t.Generic)
	for _, of := range []*[16]uint32{&t.TCP, &t.SCTP, &t.DCCP} {
		for _, v := range of {
			longest = max(longest, v)
		}
	}
	return longest
}

// timeoutSetting is one of the kernel: a file below /proc/sys/net/netfilter, without the nf_conntrack_ before its name.
type timeoutSetting struct {
	name  string
	value *uint32
	usual uint32
}

const day = 24 * 60 * 60

// settings are where the timeouts are set, and what they are if they are not, nf_conntrack_proto_*.c.
func (t *Timeouts) settings() []timeoutSetting {
	return []timeoutSetting{
		{"tcp_timeout_syn_sent", &t.TCP[SynSent], 120},
		{"tcp_timeout_syn_recv", &t.TCP[SynRecv], 60},
		{"tcp_timeout_established", &t.TCP[Established], 5 * day},
		{"tcp_timeout_fin_wait", &t.TCP[FinWait], 120},
		{"tcp_timeout_close_wait", &t.TCP[CloseWait], 60},
		{"tcp_timeout_last_ack", &t.TCP[LastAck], 30},
		{"tcp_timeout_time_wait", &t.TCP[TimeWait], 120},
		{"tcp_timeout_close", &t.TCP[Closed], 10},
		{"udp_timeout", &t.UDP, 30},
		{"udp_timeout_stream", &t.UDPStream, 120},
		{"icmp_timeout", &t.ICMP, 30},
		{"icmpv6_timeout", &t.ICMPv6, 30},
		{"gre_timeout", &t.GRE, 30},
		{"gre_timeout_stream", &t.GREStream, 180},
		{"sctp_timeout_closed", &t.SCTP[1], 10},
		{"sctp_timeout_cookie_wait", &t.SCTP[2], 3},
		{"sctp_timeout_cookie_echoed", &t.SCTP[3], 3},
		{"sctp_timeout_established", &t.SCTP[4], 210},
		{"sctp_timeout_shutdown_sent", &t.SCTP[5], 3},
		{"sctp_timeout_shutdown_recd", &t.SCTP[6], 3},
		{"sctp_timeout_shutdown_ack_sent", &t.SCTP[7], 3},
		{"sctp_timeout_heartbeat_sent", &t.SCTP[8], 30},
		{"sctp_timeout_heartbeat_acked", &t.SCTP[9], 210}, // before Linux 6.2
		{"dccp_timeout_request", &t.DCCP[1], 240},
		{"dccp_timeout_respond", &t.DCCP[2], 480},
		{"dccp_timeout_partopen", &t.DCCP[3], 480},
		{"dccp_timeout_open", &t.DCCP[4], 12 * 60 * 60},
		{"dccp_timeout_closereq", &t.DCCP[5], 64},
		{"dccp_timeout_closing", &t.DCCP[6], 64},
		{"dccp_timeout_timewait", &t.DCCP[7], 240},
		{"generic_timeout", &t.Generic, 600},
	}
}

// complete fills in what has no setting: two ends that open at once, and a flow that has no state yet.
func (t *Timeouts) complete() {
	t.TCP[SynSent2] = 120
	t.TCP[0], t.SCTP[0], t.DCCP[0] = t.TCP[SynSent], t.SCTP[1], t.DCCP[1]
}
