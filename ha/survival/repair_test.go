package survival_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
)

// a few connections, while something else is looked at.
var few = map[pace]int{idle: 3, interactive: 3, bulk: 1}

// Whatever happens to the pair, each time the backup has all flows of the master in the end, by itself, and no
// connection notices.
func TestCompleteAgain(t *testing.T) {
	b := newPair(t, goodCable)
	f := b.farm(few)
	first, second := b.nodes[0], b.nodes[1]
	b.complete(second)
	for _, c := range []struct {
		name    string
		happens func() (backup *node)
	}{
		{"the backup's daemon is started anew", func() *node { second.stop(); second.start(); return second }},
		{"the backup's daemon is killed", func() *node { second.Kill(); second.start(); return second }},
		{"the backup is rebooted", func() *node { b.powerOff(second); b.boot(second); return second }},
		{"the backup's flows are flushed", func() *node { second.run("conntrack", "-F"); return second }},
		{"the cable is cut for a while", func() *node { b.cut(second); return second }},
		{"snapshots are ordered", func() *node { first.order("ha", "resync"); return second }},
		{"the master's daemon is started anew", func() *node { first.stop(); b.taken(first); first.start(); return first }},
		{"the master is rebooted", func() *node { b.crashed(second); b.boot(second); return second }},
	} {
		t.Log(c.name)
		backup := c.happens()
		b.joined(backup)
		f.moves()
		if t.Failed() {
			return
		}
	}
	f.finish()
}

// cut cuts the cable, and mends it when the backup knows that it does not have all flows any more.
func (b *bed) cut(backup *node) {
	b.Helper()
	backup.host.Unplug(cableDevice)
	b.await("the backup to miss something", func() bool {
		s, err := backup.try()
		return err == nil && s.Sync != nil && s.Sync.State != view.SyncComplete
	})
	backup.host.Replug(cableDevice)
}

// burst is how many flows begin at once.
func burst() int {
	if testing.Short() {
		return 20_000
	}
	return 200_000
}

// More flows begin at once than the kernel can keep news of, for the master's daemon has no time to read it. It finds
// out, and both kernels have all of them in the end; and none when they have gone.
func TestBurst(t *testing.T) {
	b := newPair(t, goodCable)
	f := b.farm(few)
	master, backup := b.nodes[0], b.nodes[1]
	n := burst()
	has := func(all bool) func() bool {
		return func() bool {
			s, err := backup.try()
			return err == nil && s.Sync != nil && s.Sync.State == view.SyncComplete && (s.Sync.Flows >= uint64(n)) == all
		}
	}
	births := batches(n, func(batch []byte, seq uint32, f *conntrack.Flow) []byte {
		return conntrack.AppendCreate(batch, seq, f, nil, f.Timeout)
	})
	began := time.Now()
	b.busy(master, func() { b.change(master, births) })
	t.Logf("%d flows were made in %s", n, time.Since(began))
	b.await("the backup to have all", has(true))
	t.Logf("the backup has them %s after the first was made", time.Since(began))
	b.complete(backup)
	if s := master.status().Sync.Stats; s.Overruns == 0 && !testing.Short() {
		t.Errorf("the kernel had room for the news of %d flows: %+v", n, s)
	}
	ends := batches(n, func(batch []byte, seq uint32, f *conntrack.Flow) []byte {
		return conntrack.AppendEnd(batch, seq, &f.Key)
	})
	b.busy(master, func() { b.change(master, ends) })
	b.await("the backup to have none", has(false))
	b.complete(backup)
	f.moves()
	f.finish()
}

// busy has a node's daemon stand still while something happens, for less time than the other node takes it for dead.
func (b *bed) busy(n *node, what func()) {
	b.Helper()
	n.signal(syscall.SIGSTOP)
	defer n.signal(syscall.SIGCONT)
	what()
}

// batches ask a kernel for something about each of many flows.
func batches(count int, what func(batch []byte, seq uint32, f *conntrack.Flow) []byte) (all [][]byte) {
	batch := make([]byte, 0, conntrack.BatchBytes)
	for i := range count {
		f := madeUp(i)
		before := len(batch)
		if batch = what(batch, uint32(i), &f); len(batch) > conntrack.BatchBytes {
			all = append(all, batch[:before:before])
			batch = what(make([]byte, 0, conntrack.BatchBytes), uint32(i), &f)
		}
	}
	return append(all, batch)
}

// change has a node's kernel do something. None of it may be refused.
func (b *bed) change(n *node, batches [][]byte) {
	b.Helper()
	err := n.host.Do(func() error {
		table, err := conntrack.OpenTable()
		if err != nil {
			return err
		}
		defer table.Close()
		refused := 0
		for _, batch := range batches {
			if err := table.Do(batch, func([]byte) { refused++ }); err != nil {
				return err
			}
		}
		if refused > 0 {
			return fmt.Errorf("%d requests were refused", refused)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// madeUp is one of many flows.
func madeUp(i int) conntrack.Flow {
	const perHost = 50_000
	from := netip.AddrFrom4([4]byte{10, 10, 0, byte(200 + i/perHost)})
	port := uint16(10_000 + i%perHost)
	f := conntrack.Flow{
		Key: conntrack.Key{
			Orig:   conntrack.Tuple{Src: conntrack.BytesOf(from), Dst: conntrack.BytesOf(server), SrcPort: port, DstPort: 1000 + uint16(i/perHost)},
			Family: conntrack.IPv4, Proto: conntrack.UDP,
		},
		Status:  conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed,
		Timeout: 600,
	}
	f.Reply = conntrack.Tuple{Src: f.Orig.Dst, Dst: conntrack.BytesOf(wanVIP), SrcPort: f.Orig.DstPort, DstPort: port}
	return f
}
