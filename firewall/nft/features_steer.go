package nft

import "net/netip"

// The names of the features that lead flows over several lines.
const (
	FeatureRouteOut  = "fib oifname"          // FIBDaddrOIFName in prerouting
	FeatureDeal      = "numgen"               // a Deal by counter or by chance
	FeatureSlotMap   = "maps of slots"        // a Deal by source, and one in NAT
	FeatureNoTrack   = "notrack"              // NoTrack
	FeatureRoute     = "route chain"          // chains of type route
	FeatureRejectPre = "reject in prerouting" // Linux 5.9
	FeatureDirection = "ct direction in sets" // a dynamic set of TypeDirection
)

// FeatureHelper is the name of the feature that a conntrack helper of a type is:
// one for each of HelperTypes.
func FeatureHelper(kind string) string { return "ct helper " + kind }

// HelperTypes are the conntrack helpers that the kernel is asked for.
func HelperTypes() []string { return []string{"ftp", "sip", "tftp", "pptp", "Q.931", "RAS"} }

// steerProbes are of what leads flows over several lines.
func steerProbes(table string) []probe {
	slots := Set{Name: "slots", Key: []Type{TypeSlot}, Data: TypeVerdict}
	targets := Set{Name: "targets", Key: []Type{TypeSlot}, Data: TypeIPv4}
	totals := Set{Name: "totals", Key: []Type{TypeDirection}, Dynamic: true}
	source := Deal{By: DealSource, Slots: 2, Field: IPSaddr, Seed: 1, Set: slots.Name}
	counter := Deal{By: DealRoundRobin, Slots: 2, Set: slots.Name}
	chance := Deal{By: DealRandom, Slots: 2, Set: slots.Name}
	target := Deal{By: DealSource, Slots: 2, Seed: 1, Set: targets.Name}
	in := func(feature string, hook Hook, exprs ...Expr) probe {
		b := Batch{
			AddTable{table}, AddChain{table, "base", &hook},
			AddSet{table, slots}, AddElements{table, slots, []Element{{Key: []Value{Number(TypeSlot, 1)}, Verdict: Verdict{Kind: Accept}}}},
			AddSet{table, targets}, AddElements{table, targets, []Element{{Key: []Value{Number(TypeSlot, 1)}, Data: Address(netip.IPv4Unspecified())}}},
			AddSet{table, totals},
		}
		for _, x := range exprs {
			b = append(b, AddRule{Table: table, Chain: "base", Rule: Rule{Exprs: []Expr{x}}})
		}
		return probe{feature, b}
	}
	filter := Hook{Type: "filter", Point: Prerouting}
	list := []probe{
		in(FeatureRouteOut, filter, Match{Field: FIBDaddrOIFName, Values: []Value{Ifname("lo")}}),
		in(FeatureDeal, filter, counter, chance),
		in(FeatureSlotMap, Hook{Type: "nat", Point: Prerouting, Priority: priorityDNAT}, source, NAT{Kind: DNAT, Deal: &target}),
		in(FeatureNoTrack, Hook{Type: "filter", Point: Prerouting, Priority: priorityRaw}, NoTrack{}),
		in(FeatureRoute, Hook{Type: "route", Point: Output, Priority: priorityMangle}, CopyMark{To: MetaMark, From: CTMark, Mask: 1}),
		in(FeatureRejectPre, filter, Reject{With: RejectTCPReset}),
		in(FeatureDirection, Hook{Type: "filter", Point: Forward}, DynSet{Set: totals.Name, Fields: []Field{CTDirection}, Stmt: ConnLimit{Over: 1}}),
	}
	for _, kind := range HelperTypes() {
		batch := Batch{AddTable{table}}
		for _, protocol := range helperProtocols(kind) {
			batch = append(batch, AddHelper{table, Helper{protoName(protocol), kind, protocol}})
		}
		list = append(list, probe{FeatureHelper(kind), batch})
	}
	return list
}
