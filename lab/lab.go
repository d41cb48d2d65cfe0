// Package lab builds networks out of network namespaces, and asks them questions.
//
//	n, err := lab.New("demo")
//	lan := n.Switch("lan")
//	gw, client := n.Host("gw"), n.Host("client")
//	gw.Plug("eth0", lan, netip.MustParsePrefix("10.0.0.1/24"))
//	client.Plug("eth0", lan, netip.MustParsePrefix("10.0.0.2/24"))
//	gw.ServeTCP(netip.MustParseAddrPort("10.0.0.1:80"))
//	fmt.Println(client.TCP(ctx, netip.MustParseAddrPort("10.0.0.1:80")))
//	err = errors.Join(n.Err(), n.Close())
//
// What builds a network returns no error: the first failure is kept for [Net.Err], or ends the test
// at once if the network was made by [Test]. What uses one returns its error or a [Result].
// Everything lives under /run/netns, so `ip netns exec` gets in, and needs root.
package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// TB is what lab asks of a testing.TB; the program that shows a demo need not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Skip(args ...any)
	Error(args ...any)
	Fatal(args ...any)
}

// Net is one network: hosts and switches, each a network namespace, and all that runs in them.
// Its methods, and those of what it hands out, may be called from any goroutine.
type Net struct {
	t        reporter
	claim    *claim
	launcher launcher
	streams  streams

	mu      sync.Mutex
	err     error
	closed  bool
	names   map[string]bool
	spaces  []*space
	closers []io.Closer
	procs   []*Process
	links   int

	closing  sync.Once
	closeErr error
}

// reporter hears of the failures of building.
type reporter interface {
	Helper()
	Fatal(args ...any)
}

// silent is the reporter of a network that keeps its failures for Err.
type silent struct{}

func (silent) Helper()      {}
func (silent) Fatal(...any) {}

// New claims an unused name of the form rp-NAME-N for a network without any hosts. The name must be
// made of lower case letters and digits. What runs that died have left behind is removed first, as
// far as it can be; a run that lives is never touched.
func New(name string) (*Net, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("make lab %q: needs root: %w", name, unix.EPERM)
	}
	// What cannot be removed now stands in nobody's way, and is tried again by the next.
	_ = reap()
	c, err := newClaim(name)
	if err != nil {
		return nil, fmt.Errorf("make lab %q: %w", name, err)
	}
	return &Net{
		t:     silent{},
		claim: c,
		names: make(map[string]bool),
	}, nil
}

// Test makes a network for a test. It skips the test when it does not run as root, ends it at the
// first thing that cannot be built (so build on the test's own goroutine), closes the network with
// the test, and fails the test when that leaves something behind.
func Test(t TB) *Net {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n, err := New(strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	n.t = t
	t.Cleanup(func() {
		t.Helper()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Prefix is what the names of all namespaces of this network begin with.
func (n *Net) Prefix() string { return n.claim.prefix() }

// Err returns the first failure of building, or nil. Later calls are tried all the same.
func (n *Net) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// check keeps or reports a failure, and says whether there was none.
func (n *Net) check(err error) bool {
	n.t.Helper()
	if err == nil {
		return true
	}
	n.mu.Lock()
	if n.err == nil {
		n.err = err
	}
	n.mu.Unlock()
	n.t.Fatal(err)
	return false
}

// add makes the namespace of a host or a switch.
func (n *Net) add(name string, settings []setting) (*space, error) {
	if !wellNamed(name, "-") {
		return nil, fmt.Errorf("name %q: want lower case letters, digits and dashes", name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, errClosed
	case n.names[name]:
		return nil, fmt.Errorf("name %q: taken", name)
	}
	s, err := newSpace(n.claim.prefix()+name, settings)
	if err != nil {
		return nil, err
	}
	n.names[name] = true
	n.spaces = append(n.spaces, s)
	return s, nil
}

var errClosed = errors.New("lab is closed")

// own has Close close c, or closes it now if that was too late.
func (n *Net) own(c io.Closer) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errors.Join(errClosed, c.Close())
	}
	n.closers = append(n.closers, c)
	return nil
}

// Close ends the processes (SIGTERM, two seconds, SIGKILL), servers, captures and streams of the
// network and removes its namespaces with their links. It reports what it had to leave behind.
// Calls after the first return the same.
func (n *Net) Close() error {
	n.closing.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Net) close() error {
	n.mu.Lock()
	n.closed = true
	spaces, closers, procs := n.spaces, n.closers, n.procs
	n.mu.Unlock()

	var stops sync.WaitGroup
	for _, p := range procs {
		stops.Go(func() { _ = p.Stop() }) // how it ended is for its owner to ask
	}
	stops.Wait()
	n.launcher.close()
	for _, c := range closers {
		stops.Go(func() { _ = c.Close() }) // a listener that its owner has closed is no fault
	}
	stops.Wait()
	files := make([]*os.File, 0, len(spaces))
	for _, s := range spaces {
		files = append(files, s.file)
	}
	errs := []error{evict(files)}
	for _, s := range spaces {
		errs = append(errs, s.close())
	}
	errs = append(errs, n.claim.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close lab %s: %w", n.claim.name, err)
	}
	return nil
}
