package nft

import "golang.org/x/sys/unix"

// TraceEvent is what the kernel tells of one step of a packet that is traced
// (SetTrace): a rule that it passed or that decided, the end of a chain, or the
// policy of a base chain.
type TraceEvent struct {
	// Packet tells packets apart, but not for ever: the kernel uses numbers again.
	Packet  uint32
	Kind    TraceKind
	Family  string // of the table: ip, ip6, inet, arp, bridge or netdev
	Table   string
	Chain   string
	Handle  uint64  // of the rule; 0 for the end of a chain and a policy
	Verdict Verdict // no Kind: the packet goes on with the next rule
	// The headers as they are now, only at the first step in each base chain:
	// at most 40 and 20 bytes. The transport header is missing where the kernel found none.
	Network, Transport []byte
	In, Out            string // devices, with the headers; empty: none yet, or it has gone
	Mark               uint32 // meta mark
	// Lost says that steps were dropped, because too many came at once. Nothing else is known then.
	Lost bool
}

// TraceKind says what a step of a traced packet was.
type TraceKind int

// The kinds of step, as the kernel numbers them.
const (
	TracePolicy TraceKind = iota + 1 // TracePolicy: the end of a base chain; its policy decided.
	TraceReturn                      // TraceReturn: the end of a chain.
	TraceRule                        // TraceRule: a rule that matched.
)

// String is the kind as the JSON of nft has it.
func (k TraceKind) String() string {
	switch k {
	case TracePolicy:
		return "policy"
	case TraceReturn:
		return "return"
	case TraceRule:
		return "rule"
	}
	return "unknown"
}

// traced is an event as the kernel tells it, with numbers of devices.
type traced struct {
	event   TraceEvent
	in, out uint32
}

// decodeTrace reads NFT_MSG_TRACE.
func decodeTrace(data []byte) (t traced, err error) {
	e := &t.event
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_TRACE_TABLE:
			e.Table = a.text()
		case unix.NFTA_TRACE_CHAIN:
			e.Chain = a.text()
		case unix.NFTA_TRACE_RULE_HANDLE:
			e.Handle = a.uint64()
		case unix.NFTA_TRACE_TYPE:
			e.Kind = TraceKind(a.uint32())
		case unix.NFTA_TRACE_VERDICT:
			a.nested(func(a *attributes) { decodeVerdict(a, &e.Verdict) })
		case unix.NFTA_TRACE_POLICY:
			e.Verdict = Verdict{Kind: verdictKind(a.uint32())}
		case unix.NFTA_TRACE_ID:
			e.Packet = a.uint32()
		case unix.NFTA_TRACE_NETWORK_HEADER:
			e.Network = a.value
		case unix.NFTA_TRACE_TRANSPORT_HEADER:
			e.Transport = a.value
		case unix.NFTA_TRACE_IIF:
			t.in = a.uint32()
		case unix.NFTA_TRACE_OIF:
			t.out = a.uint32()
		case unix.NFTA_TRACE_MARK:
			e.Mark = a.uint32()
		}
	})
	if err != nil {
		return traced{}, err
	}
	e.Family = familyName(data[0])
	// Kernels tell of the end of a chain as of a rule that has no handle.
	if e.Kind == TraceRule && e.Handle == 0 {
		e.Kind = TraceReturn
	}
	return t, nil
}

// RuleHandle is a rule that is in the kernel. A handle is never given twice in the life of a table.
type RuleHandle struct {
	Chain   string
	Handle  uint64
	Comment string
}

// decodeRule reads NFT_MSG_NEWRULE, its expressions left out.
func decodeRule(data []byte) (table string, r RuleHandle, err error) {
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_RULE_TABLE:
			table = a.text()
		case unix.NFTA_RULE_CHAIN:
			r.Chain = a.text()
		case unix.NFTA_RULE_HANDLE:
			r.Handle = a.uint64()
		case unix.NFTA_RULE_USERDATA:
			r.Comment = userText(a.value, userRuleComment)
		}
	})
	return table, r, err
}
