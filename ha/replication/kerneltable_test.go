package replication_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// flowTable is the flows of a node's kernel.
type flowTable map[flow]struct{}

// dump reads the flows of a node that are of interest and were answered: the others are not worth a place on a backup.
func dump(tb testing.TB, n *node, wanted func(flow) bool) flowTable {
	tb.Helper()
	h := openHandle(tb, n.host, 4<<20)
	defer h.close()
	table := flowTable{}
	_, err := h.walk(func(body []byte) {
		if f, answered := parseFlow(body); answered && wanted(f) {
			table[f] = struct{}{}
		}
	})
	if err != nil {
		tb.Fatalf("dump flows of %s: %v", n.host.Name(), err)
	}
	return table
}

// walk has the kernel tell all its flows, and says how many there were.
func (h *handle) walk(each func(body []byte)) (count int, err error) {
	b, at := begin(nil, conntrackGet, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if err := h.send(b.end(at)); err != nil {
		return 0, err
	}
	for done := false; !done; {
		n, _, err := unix.Recvfrom(h.fd, h.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return count, err
		}
		eachMessage(h.buf[:n], func(kind uint16, body []byte) {
			switch kind {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				done = true
			default:
				count++
				each(body)
			}
		})
	}
	return count, nil
}

// made says whether a flow is one of those that the benchmark makes.
func made(f flow) bool { return f.orig.src[0] == 10 && f.orig.src[1] == loadSource[1] }

// through says whether a flow is one of the client's.
func through(f flow) bool { return f.orig.src == [4]byte{10, 10, 0, 100} }

// lacks counts the flows of a table that another has not, or translates otherwise.
func (t flowTable) lacks(wanted flowTable) int {
	missing := 0
	for f := range wanted {
		if _, ok := t[f]; !ok {
			missing++
		}
	}
	return missing
}

// gauge is a number that the kernel shows of one namespace, in a file that stays open.
type gauge struct{ file *os.File }

// counter opens the number of flows that a node's kernel has.
func counter(tb testing.TB, n *node) gauge {
	tb.Helper()
	var g gauge
	err := n.host.Do(func() (err error) {
		g.file, err = os.Open("/proc/sys/net/netfilter/nf_conntrack_count")
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func (g gauge) read(tb testing.TB) int {
	tb.Helper()
	var text [32]byte
	n, err := g.file.ReadAt(text[:], 0)
	if n == 0 {
		tb.Fatal(err)
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		tb.Fatal(err)
	}
	return count
}

func (g gauge) close() { _ = g.file.Close() } // it was only read

// countOf is how many flows a node's kernel has.
func countOf(tb testing.TB, n *node) int {
	tb.Helper()
	g := counter(tb, n)
	defer g.close()
	return g.read(tb)
}
