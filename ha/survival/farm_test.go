package survival_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// farm is many connections at once.
type farm struct {
	*bed
	routes []*route
	links  []*link
	stop   chan struct{}
	work   sync.WaitGroup

	mu     sync.Mutex
	called map[uint64]chan net.Conn // by the number of the link
}

// atOnce is how many connections are opened at a time.
const atOnce = 32

// farm opens connections on all routes, as many as the share of each pace says, and returns when all stand.
func (b *bed) farm(share map[pace]int) *farm {
	b.Helper()
	f := &farm{bed: b, routes: b.routes(), stop: make(chan struct{}), called: map[uint64]chan net.Conn{}}
	listens := map[netip.AddrPort]bool{}
	for _, r := range f.routes {
		if !listens[r.at] { // two routes may end at one place
			f.listen(r)
		}
		listens[r.at] = true
	}
	f.Cleanup(f.abandon)
	f.plant(share)
	return f
}

// plant opens further connections on all routes.
func (f *farm) plant(share map[pace]int) {
	f.Helper()
	old := len(f.links)
	for _, r := range f.routes {
		for p, n := range share {
			for range n {
				f.add(r, p)
			}
		}
	}
	f.open(f.links[old:])
}

// add plans a link.
func (f *farm) add(r *route, p pace) {
	l := &link{route: r, pace: p, id: uint64(len(f.links))}
	f.links = append(f.links, l)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called[l.id] = make(chan net.Conn, 1)
}

// listen answers at the end of a route until the network is closed.
func (f *farm) listen(r *route) {
	f.Helper()
	l, err := r.to.Listen("tcp", r.at)
	if err != nil {
		f.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go f.take(c)
		}
	}()
}

// take finds out which link a connection is of.
func (f *farm) take(c net.Conn) {
	id := make([]byte, idSize)
	if _, err := io.ReadFull(c, id); err != nil {
		_ = c.Close() // no link
		return
	}
	f.caller(binary.BigEndian.Uint64(id)) <- c
}

// caller is where the connection of a link arrives.
func (f *farm) caller(id uint64) chan net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.called[id]
}

// open opens links, and sets them to work.
func (f *farm) open(links []*link) {
	f.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	next := make(chan *link)
	errs := make(chan error, len(links))
	var callers sync.WaitGroup
	for range atOnce {
		callers.Go(func() {
			for l := range next {
				errs <- f.connect(ctx, l)
			}
		})
	}
	for _, l := range links {
		next <- l
	}
	close(next)
	callers.Wait()
	for range links {
		if err := <-errs; err != nil {
			f.Fatal(err)
		}
	}
	for _, l := range links {
		f.work.Go(func() { l.run(f.stop) })
	}
	f.await("every connection to be used both ways", func() bool {
		return !slices.ContainsFunc(f.has(), func(n [2]int64) bool { return n[0] == 0 || n[1] == 0 })
	})
}

// connect opens one link, and sees to it that it is translated as its route says.
func (f *farm) connect(ctx context.Context, l *link) error {
	c, err := l.route.from.Dial(ctx, "tcp", netip.AddrPort{}, l.route.dial)
	if err != nil {
		return fmt.Errorf("%s: %w", l.route.name, err)
	}
	tcp := c.(*net.TCPConn)
	if err := tcp.SetKeepAlive(false); err != nil { // an idle connection is idle
		return err
	}
	if err := l.call(c); err != nil {
		return err
	}
	select {
	case l.ends[1].conn = <-f.caller(l.id):
	case <-ctx.Done():
		return fmt.Errorf("%s: nobody was called: %w", l, ctx.Err())
	}
	if err := l.ends[1].conn.(*net.TCPConn).SetKeepAlive(false); err != nil {
		return err
	}
	seen := l.ends[1].conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
	if seen != l.route.seen {
		return fmt.Errorf("%s: is seen as %s, want %s", l, seen, l.route.seen)
	}
	return nil
}

// has is how many bytes have come at both ends of every link.
func (f *farm) has() [][2]int64 {
	all := make([][2]int64, len(f.links))
	for i, l := range f.links {
		all[i] = l.has()
	}
	return all
}

// moves waits until something has come by all connections that are not idle, both ways, from now on.
func (f *farm) moves() {
	f.Helper()
	before, began := f.has(), time.Now()
	var stuck map[string]int
	if !f.poll(func() bool {
		stuck = map[string]int{}
		for i, l := range f.links {
			if l.silent(before[i]) {
				stuck[l.route.name+" "+l.pace.name]++
			}
		}
		return len(stuck) == 0
	}) {
		f.Fatalf("connections that stand still: %v", stuck)
	}
	f.Logf("all connections move after %s", time.Since(began).Round(time.Millisecond))
}

// finish ends all connections in order, and fails unless every one of them lived and every byte came.
func (f *farm) finish() {
	f.Helper()
	f.close()
	alive, bytes := 0, int64(0)
	died := map[string]int{}
	for _, l := range f.links {
		bytes += l.ends[0].has.Load() + l.ends[1].has.Load()
		err := l.verdict()
		if err == nil {
			alive++
			continue
		}
		if died[l.route.name]++; died[l.route.name] == 1 {
			f.Log(err)
		}
	}
	f.Logf("alive and right: %d of %d, with %d bytes", alive, len(f.links), bytes)
	if alive != len(f.links) {
		f.Errorf("alive and right: %d of %d; not, by route: %v", alive, len(f.links), died)
	}
}

// close says the last word on all connections. Those on which it is not heard in time end as well.
func (f *farm) close() {
	late := time.Now().Add(waitAtMost)
	for _, l := range f.links {
		for i := range l.ends {
			_ = l.ends[i].conn.SetDeadline(late) // it fails if the connection has ended
		}
	}
	close(f.stop)
	f.work.Wait()
}

// abandon ends what a test that failed has left.
func (f *farm) abandon() {
	for _, l := range f.links {
		for i := range l.ends {
			if c := l.ends[i].conn; c != nil {
				_ = c.Close() // it fails if it was closed
			}
		}
	}
	select {
	case <-f.stop:
	default:
		close(f.stop)
	}
	f.work.Wait()
}
