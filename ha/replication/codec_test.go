package replication_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"golang.org/x/sys/unix"
)

// build is a flow as flow sync has it.
func (f flow) build() conntrack.Flow {
	return conntrack.Flow{
		Key:   conntrack.Key{Orig: f.orig.build(), Family: conntrack.IPv4, Proto: f.proto},
		Reply: f.reply.build(), State: conntrack.Established,
		Status: conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed,
		Flags:  [2]conntrack.TCPFlags{conntrack.WindowScale | conntrack.SACK, conntrack.WindowScale | conntrack.SACK},
		Scale:  [2]uint8{7, 7},
	}
}

func (w way) build() (t conntrack.Tuple) {
	copy(t.Src[:], w.src[:])
	copy(t.Dst[:], w.dst[:])
	t.SrcPort, t.DstPort = w.srcPort, w.dstPort
	return t
}

// byCodec is how long flow sync's own codec takes to make so many flows in a node's kernel, building each message,
// and then to read and parse them all.
func byCodec(tb testing.TB, n *node, flows int) (created, walked time.Duration) {
	tb.Helper()
	all := make([]conntrack.Flow, flows)
	for i := range all {
		all[i] = madeFlow(loadSource, i).build()
	}
	err := n.host.Do(func() (err error) {
		if created, err = createAll(all); err == nil {
			walked, err = walkAll(flows)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return created, walked
}

func createAll(all []conntrack.Flow) (took time.Duration, err error) {
	t, err := conntrack.OpenTable()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	var refused error
	take := func([]byte) { refused = errors.New("make flows: refused") }
	batch := make([]byte, 0, conntrack.BatchBytes)
	start := time.Now()
	for i := range all {
		batch = conntrack.AppendCreate(batch, uint32(i), &all[i], nil, 3600)
		if (i+1)%mostTogether == 0 || i+1 == len(all) {
			if err := t.Do(batch, take); err != nil {
				return 0, err
			}
			batch = batch[:0]
		}
	}
	return time.Since(start), refused
}

func walkAll(want int) (took time.Duration, err error) {
	w, err := conntrack.OpenWalk()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	var m conntrack.Message
	var bad error
	seen := 0
	take := func(msg []byte) {
		if err := m.Parse(msg); err != nil {
			bad = err
		}
		seen++
	}
	start := time.Now()
	if err := w.Start(conntrack.KindFlow, unix.AF_INET); err != nil {
		return 0, err
	}
	for done := false; !done; {
		if done, err = w.Read(take); err != nil {
			return 0, err
		}
	}
	if took = time.Since(start); seen < want {
		bad = errors.Join(bad, errors.New("walk through flows: some are missing"))
	}
	return took, bad
}
