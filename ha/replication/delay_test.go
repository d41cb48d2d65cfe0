package replication_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// probeRate is how many flows a second are watched on their way.
	probeRate = 200
	// newGroup is NFNLGRP_CONNTRACK_NEW.
	newGroup = 1
)

// ear hears of every probe that a node's kernel gets, and of nothing else: the kernel filters the load away, so
// that who listens takes no part of the processor from who is measured.
type ear struct {
	*handle
	heard map[way]time.Time
	done  chan struct{}
}

// listen begins to hear a node's kernel.
func listen(tb testing.TB, n *node) *ear {
	tb.Helper()
	e := &ear{handle: openHandle(tb, n.host, 8<<20), heard: make(map[way]time.Time), done: make(chan struct{})}
	// The source of a flow's first direction stands at a fixed place: behind the headers of the message, of the
	// tuple, of its addresses and of the first of these.
	const source = messageHeader + 3*unix.SizeofNlAttr
	want := uint32(probeSource[0])<<24 | uint32(probeSource[1])<<16
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: source},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xffff0000},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: want},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	err := errors.Join(
		unix.SetsockoptSockFprog(e.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
		unix.SetsockoptTimeval(e.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.SetsockoptInt(e.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, newGroup),
	)
	if err != nil {
		tb.Fatalf("listen to %s: %v", n.host.Name(), err)
	}
	return e
}

// hear takes down when each probe came until stop is closed.
func (e *ear) hear(stop <-chan struct{}) {
	defer close(e.done)
	inFront(func() {
		for {
			n, _, err := unix.Recvfrom(e.fd, e.buf, 0)
			now := time.Now()
			if err == nil {
				eachMessage(e.buf[:n], func(_ uint16, body []byte) {
					if f, answered := parseFlow(body); answered {
						e.heard[f.orig] = now
					}
				})
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
}

// delays makes probes on the master for some time and returns, in order, how long each took to be in the
// backup's kernel, and how many never came.
func delays(tb testing.TB, p *pair, during time.Duration) (all []time.Duration, never int) {
	tb.Helper()
	e := listen(tb, p.backup())
	defer e.close()
	stop := make(chan struct{})
	go e.hear(stop)
	h := openHandle(tb, p.master().host, 1<<20)
	defer h.close()
	count := int(during.Seconds() * probeRate)
	l := prepare(probeSource, 0, count, probeRate)
	sent := make([]time.Time, count)
	var failed error
	inFront(func() {
		pace := pacer{time.Now(), probeRate}
		for i, b := range l.batches {
			pace.wait(i)
			sent[i] = time.Now()
			failed = errors.Join(failed, h.send(b))
		}
	})
	time.Sleep(time.Second) // what comes later than that never came
	close(stop)
	<-e.done
	if refused, first := h.refusals(); failed != nil || refused > 0 {
		tb.Fatal(fmt.Errorf("make probes: %w", errors.Join(failed, first)))
	}
	for i, at := range sent {
		if heard, ok := e.heard[madeFlow(probeSource, i).orig]; ok {
			all = append(all, heard.Sub(at))
		} else {
			never++
		}
	}
	slices.Sort(all)
	return all, never
}

// quantile is the value below which a share of sorted ones lies, 0 of none.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
