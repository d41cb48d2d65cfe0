package nft

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Feature is a thing that the running kernel can do or not.
type Feature struct {
	Name   string
	Reason error // why not; nil: it can
}

// Features are what rulesets may need of the kernel, in a fixed order.
type Features []Feature

// Has says whether the kernel has a feature.
func (f Features) Has(name string) bool {
	return slices.ContainsFunc(f, func(x Feature) bool { return x.Name == name && x.Reason == nil })
}

// The names of the features.
const (
	FeatureConcat     = "concatenated intervals"
	FeatureTime       = "meta time"
	FeatureConnLimit  = "ct count"
	FeatureReject     = "reject"
	FeatureFIB        = "fib"
	FeatureLog        = "nflog"
	FeatureNAT        = "nat"
	FeatureMasquerade = "masquerade"
	FeatureHash       = "jhash"
	FeatureSetLimit   = "limit in sets"
	FeatureSetCount   = "ct count in sets"
	FeatureEvents     = "ct event"
	FeatureFlowtable  = "flowtable"
)

// probe is a batch that a kernel with the feature accepts. It is never committed.
type probe struct {
	feature string
	batch   Batch
}

// probes need no more than their own table.
func probes(table string) []probe {
	in := func(feature string, kind, point string, exprs ...Expr) probe {
		hook := &Hook{Type: kind, Point: point}
		return probe{feature, Batch{
			AddTable{table}, AddChain{table, "base", hook},
			AddSet{table, Set{Name: "rates", Key: []Type{TypeIPv4}, Dynamic: true, HasTimeout: true, Timeout: time.Minute}},
			AddSet{table, Set{Name: "counts", Key: []Type{TypeIPv4}, Dynamic: true}},
			AddRule{Table: table, Chain: "base", Rule: Rule{Exprs: exprs}},
		}}
	}
	target := []netip.Addr{netip.IPv4Unspecified(), netip.IPv4Unspecified()}
	dyn := func(set string, stmt Expr) Expr { return DynSet{Set: set, Fields: []Field{IPSaddr}, Stmt: stmt} }
	pairs := Set{Name: "pairs", Key: []Type{TypeIPv4, TypePort}, Interval: true}
	list := []probe{
		{FeatureConcat, Batch{AddTable{table}, AddSet{table, pairs}}},
		in(FeatureTime, "filter", "forward", Match{Field: MetaTime, Values: []Value{Instants(time.Unix(1, 0), time.Unix(3, 0))}}),
		in(FeatureConnLimit, "filter", "forward", ConnLimit{Over: 1}),
		in(FeatureReject, "filter", "forward", Reject{With: RejectPortUnreachable}),
		in(FeatureFIB, "filter", "prerouting", Match{Field: FIBDaddrType, Values: []Value{Number(TypeFIB, unix.RTN_LOCAL)}}),
		in(FeatureLog, "filter", "forward", Log{Prefix: "probe"}),
		in(FeatureNAT, "nat", "prerouting", NAT{Kind: DNAT, Addrs: target[:1]}),
		in(FeatureMasquerade, "nat", "postrouting", Masquerade{}),
		in(FeatureHash, "nat", "prerouting", NAT{Kind: DNAT, Addrs: target, Seed: 1}),
		in(FeatureSetLimit, "filter", "forward", dyn("rates", Limit{Rate: 1, Unit: time.Second})),
		in(FeatureSetCount, "filter", "forward", dyn("counts", ConnLimit{Over: 1})),
		in(FeatureEvents, "filter", "forward", SetEvents{EventNew}),
		{FeatureFlowtable, Batch{AddTable{table}, addFlowtable{table}}},
	}
	return append(list, steerProbes(table)...)
}

// addFlowtable makes a flowtable without devices. Rulesets have none yet.
type addFlowtable struct{ table string }

func (addFlowtable) op() {}

func (o addFlowtable) String() string {
	return "add flowtable inet " + o.table + " probe { hook ingress priority 0; }"
}

// What x/sys/unix lacks of nf_tables.h.
const (
	flowtableName         = 2
	flowtableHook         = 3
	flowtableHookNumber   = 1
	flowtableHookPriority = 2
)

func (e *encoder) addFlowtable(op addFlowtable) {
	e.message(unix.NFT_MSG_NEWFLOWTABLE, unix.NLM_F_CREATE, op.table)
	e.text(flowtableName, "probe")
	at := e.nest(flowtableHook)
	e.uint32(flowtableHookNumber, unix.NF_NETDEV_INGRESS)
	e.uint32(flowtableHookPriority, 0)
	e.close(at)
	e.end()
}
