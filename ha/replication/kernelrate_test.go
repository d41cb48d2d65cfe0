package replication_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a kernel does by itself is the limit of what anybody can do with it.
var (
	insertRate = measure{part: "the kernel alone", what: "takes translated flows, 50 together", unit: perSecond}
	dumpRate   = measure{part: "the kernel alone", what: "gives flows in a dump", unit: perSecond}
	eventRate  = measure{part: "the kernel alone", what: "takes flows and tells one who listens", unit: perSecond}
)

func benchKernel(b *testing.B, e *bench) {
	const flows = 200_000
	once(b, func() {
		n := e.nodes[0]
		n.host.Sysctl("net.netfilter.nf_conntrack_events", "1")
		n.run(b, "nft", handRules)
		l := prepare(loadSource, 0, flows, 0)
		e.add(b, insertRate, kernel, flows/inject(b, n, l, nil).Seconds())
		h := openHandle(b, n.host, 4<<20)
		start := time.Now()
		count, err := h.walk(func([]byte) {})
		e.add(b, dumpRate, kernel, float64(count)/time.Since(start).Seconds())
		h.close()
		if err != nil {
			b.Fatal(err)
		}
		n.run(b, "conntrack", "-F")
		e.add(b, eventRate, kernel, flows/withListener(b, n, l).Seconds())
		n.run(b, "conntrack", "-F")
		n.run(b, "nft", "delete table inet gateway")
	})
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
