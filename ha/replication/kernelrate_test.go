package replication_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a kernel does by itself is the limit of what anybody can do with it. Ours beside it is the codec of flow sync,
// on one thread, which builds what it sends and parses what it reads.
var (
	insertRate = measure{part: "the kernel alone", what: "takes translated flows, 50 together", unit: perSecond}
	dumpRate   = measure{part: "the kernel alone", what: "gives flows in a dump", unit: perSecond}
	eventRate  = measure{part: "the kernel alone", what: "takes flows and tells one who listens", unit: perSecond}
)

func benchKernel(b *testing.B, e *bench) {
	const flows, rounds = 200_000, 3
	once(b, func() {
		n := e.nodes[0]
		n.host.Sysctl("net.netfilter.nf_conntrack_events", "1")
		n.run(b, "nft", handRules)
		l := prepare(loadSource, 0, flows, 0)
		var best struct{ insert, dump, event, create, walk float64 } // a limit is the best of several
		keep := func(kept *float64, took time.Duration) { *kept = max(*kept, flows/took.Seconds()) }
		for range rounds {
			keep(&best.insert, inject(b, n, l, nil))
			keep(&best.dump, readAll(b, n))
			n.run(b, "conntrack", "-F")
			created, walked := byCodec(b, n, flows)
			keep(&best.create, created)
			keep(&best.walk, walked)
			n.run(b, "conntrack", "-F")
			keep(&best.event, withListener(b, n, l))
			n.run(b, "conntrack", "-F")
		}
		n.run(b, "nft", "delete table inet gateway")
		e.add(b, insertRate, kernel, best.insert)
		e.add(b, dumpRate, kernel, best.dump)
		e.add(b, eventRate, kernel, best.event)
		e.put(insertRate, oursName, figure{value: best.create})
		e.put(dumpRate, oursName, figure{value: best.walk})
	})
}

// readAll reads all flows of a node and looks at none.
func readAll(tb testing.TB, n *node) time.Duration {
	tb.Helper()
	h := openHandle(tb, n.host, 4<<20)
	defer h.close()
	start := time.Now()
	if _, err := h.walk(func([]byte) {}); err != nil {
		tb.Fatal(err)
	}
	return time.Since(start)
}

// withListener makes flows while somebody reads of each, and returns when the last was read of.
func withListener(tb testing.TB, n *node, l load) time.Duration {
	tb.Helper()
	h := openHandle(tb, n.host, 256<<20)
	defer h.close()
	if err := unix.SetsockoptInt(h.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, newGroup); err != nil {
		tb.Fatal(err)
	}
	want := 0
	for _, b := range l.batches {
		eachMessage(b, func(uint16, []byte) { want++ })
	}
	start := time.Now()
	read := make(chan error)
	go func() {
		for heard := 0; heard < want; {
			n, _, err := unix.Recvfrom(h.fd, h.buf, 0)
			if err != nil {
				read <- err
				return
			}
			eachMessage(h.buf[:n], func(uint16, []byte) { heard++ })
		}
		read <- nil
	}()
	inject(tb, n, l, nil)
	if err := <-read; err != nil {
		tb.Fatalf("listen for flows: %v", err)
	}
	return time.Since(start)
}
