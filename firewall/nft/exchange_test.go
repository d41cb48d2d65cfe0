package nft

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// dealtRuleset deals packets of this host over two chains and two addresses. Which
// one has a slot is for turn to say; every slot has one.
func dealtRuleset(turn int) Ruleset {
	const slots = 256
	inc := func(set string) Deal { return Deal{By: DealRoundRobin, Slots: slots, Set: set} }
	verdicts := Set{Name: "slots", Key: []Type{TypeSlot}, Data: TypeVerdict}
	targets := Set{Name: "targets", Key: []Type{TypeSlot}, Data: TypeIPv4}
	ranges := Set{Name: "ranges", Key: []Type{TypeSlot}, Data: TypeVerdict, Interval: true}
	chains := []string{"one", "two"}
	addresses := []Value{address("127.0.0.2"), address("127.0.0.3")}
	for i := range uint32(slots) {
		key := []Value{Number(TypeSlot, i)}
		which := (int(i) + turn) % 2
		verdicts.Elements = append(verdicts.Elements, Element{Key: key, Verdict: jump(chains[which])})
		targets.Elements = append(targets.Elements, Element{Key: key, Data: addresses[which]})
		if i%16 == 0 {
			key := []Value{Numbers(TypeSlot, i, i+15)}
			ranges.Elements = append(ranges.Elements, Element{Key: key, Verdict: jump(chains[(int(i)/16+turn)%2])})
		}
	}
	ours := is(UDPDport, port(9))
	to := inc("targets")
	return Ruleset{
		Table: Table{"rempart"}, Sets: []Set{verdicts, targets, ranges},
		Counters: []string{"all", "one", "two", "missed", "missed-range", "flows", "missed-address"},
		Chains: []Chain{
			{Name: "one", Rules: []Rule{rule(Count{"one"}, accept)}},
			{Name: "two", Rules: []Rule{rule(Count{"two"}, accept)}},
			filter("deal", Output, -160, accept, rule(ours, Count{"all"}), rule(ours, inc("slots")), rule(ours, Count{"missed"})),
			filter("deal-ranges", Output, -150, accept, rule(ours, inc("ranges")), rule(ours, Count{"missed-range"})),
			nat("nat", Output, -100, rule(ours, Count{"flows"}), rule(ours, NAT{Kind: DNAT, Deal: &to}), rule(ours, Count{"missed-address"})),
			filter("end", Output, 300, drop), // unseen, each packet begins a flow
		},
	}
}

// Not one packet falls through while every element of the maps changes its data, in
// one batch that takes the elements out and puts them in with other data.
func TestElementsAreExchangedAtOnce(t *testing.T) {
	k := loopback(t)
	apply(t, k, dealtRuleset(0))
	stop := sendAlways(t)
	have := dealtRuleset(0).State()
	const exchanges = 200
	for turn := 1; turn <= exchanges; turn++ {
		want := dealtRuleset(turn)
		batches := Plan(have, want)
		if len(batches) != 1 || len(batches[0]) != 2*len(want.Sets) {
			t.Fatalf("an exchange is\n%.2000s", batches)
		}
		commitAll(t, k, batches)
		have = want.State()
	}
	sent := stop()
	counters, err := k.Counters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	n := func(name string) uint64 { return counters[name].Packets }
	t.Logf("%d packets while elements were exchanged %d times: %v", sent, exchanges, counters)
	if n("missed")+n("missed-range")+n("missed-address") > 0 {
		t.Errorf("fell through: %d packets, %d by ranges, %d translations", n("missed"), n("missed-range"), n("missed-address"))
	}
	if n("all") != sent || n("flows") != sent || n("one")+n("two") != 2*sent || n("one") == 0 || n("two") == 0 {
		t.Errorf("sent %d, counted %v", sent, counters)
	}
}

// sendAlways sends datagrams until what it returns is called, which says how many.
func sendAlways(t *testing.T) (stop func() uint64) {
	t.Helper()
	const senders = 2
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var sent [senders]uint64
	for i := range senders {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		group.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort("127.0.0.9:9")) // refused at the end
				sent[i]++
			}
		})
	}
	return func() uint64 {
		cancel()
		group.Wait()
		return sent[0] + sent[1]
	}
}
