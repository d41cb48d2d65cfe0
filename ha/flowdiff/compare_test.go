package flowdiff

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
)

// compared compares two tables.
func compared(t *testing.T, here, there Side, limit int) view.FlowsDiff {
	t.Helper()
	d, err := Compare(t.Context(), here, there, limit)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCompare(t *testing.T) {
	const name = "tcp 10.0.0.0:40022 -> 192.0.2.7:443"
	const whole = "ESTABLISHED, assured, source translated, answered as tcp 192.0.2.7:443 -> 203.0.113.5:40022, mark 0x10003, windows scaled by 7 and 8 and SACK"
	rare := udp6()
	for _, c := range []struct {
		name   string
		change func(here, there *table)
		want   []view.FlowDiff
	}{
		{"equal", func(_, _ *table) {}, nil},
		{"in another order", func(_, there *table) {
			there.entries[0], there.entries[1] = there.entries[1], there.entries[0]
		}, nil},
		{"not shared", func(here, _ *table) {
			e := tcp(77)
			e.flow.Status = conntrack.Confirmed
			here.entries = append(here.entries, e)
		}, nil},
		{"expectation", func(here, _ *table) {
			e := tcp(77)
			e.flow.Kind = conntrack.KindExpect
			here.entries = append(here.entries, e)
		}, nil},
		{"not there", func(_, there *table) { there.entries = there.entries[1:] }, []view.FlowDiff{{Flow: name, Here: whole}}},
		{"not here", func(here, _ *table) { here.entries = here.entries[1:] }, []view.FlowDiff{{Flow: name, There: whole}}},
		{"mark and state", func(_, there *table) {
			f := &there.entries[0].flow
			f.Mark, f.State = 0x10004, conntrack.FinWait
		}, []view.FlowDiff{{Flow: name, Here: "ESTABLISHED, mark 0x10003", There: "FIN_WAIT, mark 0x10004"}}},
		{"not translated", func(_, there *table) {
			f := &there.entries[0].flow
			f.Status ^= conntrack.SrcNAT
		}, []view.FlowDiff{{Flow: name, Here: "source translated", There: "source not translated"}}},
		{"translated to another", func(_, there *table) {
			there.entries[0].flow.Reply.DstPort++
		}, []view.FlowDiff{{Flow: name, Here: "answered as tcp 192.0.2.7:443 -> 203.0.113.5:40022", There: "answered as tcp 192.0.2.7:443 -> 203.0.113.5:40023"}}},
		{"options", func(_, there *table) {
			there.entries[0].flow.Flags = [2]conntrack.TCPFlags{conntrack.WindowScale, conntrack.SACK}
		}, []view.FlowDiff{{Flow: name, Here: "windows scaled by 7 and 8 and SACK", There: "windows scaled one way and SACK of the answers"}}},
		{"rare", func(_, there *table) {
			there.entries[3].extra = conntrack.Extra{}
		}, []view.FlowDiff{{
			Flow:  "udp [2001:db8:2::9]:5060 -> [2001:db8:ffff::7]:5061 zone 7",
			Here:  "helper sip, labels 00000000000000000000000000000001, sequence numbers +3 after 1 and -4 after 0",
			There: "no helper, labels 00000000000000000000000000000000, sequence numbers +0 after 0 and +0 after 0",
		}}},
		{"unassured", func(_, there *table) { there.entries = there.entries[:4] }, []view.FlowDiff{{
			Flow: "icmp 10.1.2.9 -> 192.0.2.7 type 8 code 0 id 7", Here: "not assured",
		}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := pair(tcp(0), tcp(1), tcp(2), rare, ping())
			c.change(here, there)
			got := compared(t, local(here), local(there), 100)
			if diff := cmp.Diff(c.want, got.Flows); diff != "" || got.More {
				t.Errorf("%s: more %v, -want +got:\n%s", c.name, got.More, diff)
			}
		})
	}
}

// TestCounts: both sides are counted, as the pair shares them.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := pair(many(300)...)
		there.entries = there.entries[:298]
		if got := compared(t, local(here), local(there), 100); got.Here != 300 || got.There != 298 || len(got.Flows) != 2 {
			t.Errorf("%d here, %d there, %d differ", got.Here, got.There, len(got.Flows))
		}
	})
}

// TestWhatPassesIsNoDifference: a flow that comes to the other node a moment later is not named, one that
// does not is, and so is one that still differs, as it is by then.
func TestWhatPassesIsNoDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := pair(many(10)...)
		there.entries = there.entries[2:] // 0 comes late, 1 never
		there.entries[0].flow.Mark = 1    // of 2
		there.before = func(walk int) {
			if walk == 2 { // after digests and the first look
				there.entries = append(there.entries, tcp(0), tcp(11))
				there.entries[0].flow.Mark = 2
			}
		}
		began := time.Now()
		got := compared(t, local(here), local(there), 100)
		var names []string
		for _, f := range got.Flows {
			names = append(names, f.Flow+" "+f.There)
		}
		want := []string{"tcp 10.0.0.1:40022 -> 192.0.2.7:443 ", "tcp 10.0.0.2:40022 -> 192.0.2.7:443 mark 0x2"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if passed := time.Since(began); passed != again {
			t.Errorf("the second look came after %v", passed)
		}
	})
}

// TestLimit: no more are named than are wanted, and that there are more is said.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		flows, limit, named int
		more                bool
	}{
		{5, 10, 5, false}, {5, 5, 5, false}, {5, 4, 4, true}, {roundFlows * 2, 10, 10, true}, {roundFlows * 2, 10_000, roundFlows * 2, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := &table{entries: many(c.flows)}, new(table)
			got := compared(t, local(here), local(there), c.limit)
			if len(got.Flows) != c.named || got.More != c.more {
				t.Errorf("%d flows, limit %d: %d are named, more %v", c.flows, c.limit, len(got.Flows), got.More)
			}
		})
	}
}

// TestNothingInCommon: what a comparison of two tables costs is bounded.
func TestNothingInCommon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := &table{entries: many(100 * (maxRounds + 2))}, new(table)
		c := comparison{here: local(here), there: local(there), most: 100}
		got, err := c.run(t.Context(), 1_000_000)
		if err != nil || !got.More || len(got.Flows) == 0 || here.walks != 1+2*maxRounds {
			t.Errorf("%d are named, more %v, after %d walks", len(got.Flows), got.More, here.walks)
		}
	})
}

// crowded answers as a node does whose flows do not fit.
type crowded struct{ Local }

func (c crowded) Flows(ctx context.Context, q Query) (*Part, error) {
	p, err := c.Local.Flows(ctx, q)
	if err == nil {
		p.Covers, p.Flows = Set{}, nil
	}
	return p, err
}

// TestNotCovered: flows that a node could not send are not missing there.
func TestNotCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := pair(many(3)...)
		there.entries[0].flow.Mark++
		if got := compared(t, local(here), crowded{local(there)}, 100); len(got.Flows) != 0 || !got.More {
			t.Errorf("named %v, more %v", got.Flows, got.More)
		}
	})
}

func TestErrors(t *testing.T) {
	broken := errors.New("no buffer space")
	for side := range 2 {
		tables := [2]*table{{entries: many(2)}, {entries: many(2)}}
		tables[side].err = broken
		if _, err := Compare(t.Context(), local(tables[0]), local(tables[1]), 10); !errors.Is(err, broken) {
			t.Errorf("side %d: %v", side, err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	here, there := &table{entries: many(2)}, &table{before: func(walk int) {
		if walk == 1 {
			leave()
		}
	}}
	if _, err := Compare(ctx, local(here), local(there), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("who asked went away: %v", err)
	}
}

// TestOneBucketOfAll: a bucket that no answer can hold is left out, and costs no memory.
func TestOneBucketOfAll(t *testing.T) {
	crowd := &table{}
	h := newHasher(3)
	first := tcp(0)
	bucket := h.bucket(&first.flow.Key)
	for range maxRecords + 1 { // as if by chance
		crowd.entries = append(crowd.entries, first)
	}
	other := tcp(1)
	crowd.entries = append(crowd.entries, other)
	q := Query{Salt: 3}
	q.Set.Add(bucket)
	q.Set.Add(h.bucket(&other.flow.Key))
	p, err := local(crowd).Flows(t.Context(), q)
	if err != nil || p.Covers.Has(bucket) || p.Covers.Len() != 1 || len(p.Flows) != 1 {
		t.Errorf("%d buckets with %d flows, %v", p.Covers.Len(), len(p.Flows), err)
	}
}

// TestSalt: where a flow is cannot be foreseen.
func TestSalt(t *testing.T) {
	seen := make(map[string]bool)
	for salt := range uint64(64) {
		h, f := newHasher(salt), tcp(1).flow
		seen[fmt.Sprint(h.bucket(&f.Key))] = true
	}
	if len(seen) < 50 {
		t.Errorf("64 salts lead to %d buckets", len(seen))
	}
}
