package firewall

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
	"github.com/vishvananda/netns"
)

// base is the network of every traffic test; tests add rules to it.
//
//	office 10.1.2.9-11, 2001:db8:2::9 --- lan0 +---------+ wan0 --- internet 203.0.113.1, 198.51.100.7-9
//	server 10.1.3.10-12, 2001:db8:3::10 - dmz0 | gateway |          2001:db8:ff::1
//	                                           +---------+
const base = `schema = 1

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/24", "2001:db8:ff::2/64"]
external = true

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24", "2001:db8:2::1/64"]

[interface.dmz]
device = "dmz0"
addresses = ["10.1.3.1/24", "2001:db8:3::1/64"]

[zone.inside]
interfaces = ["lan", "dmz"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "default"
gateway = "fibre"
`

// site is a gateway among the hosts that it stands between. The gateway's
// parts run in this process, in the namespace of gw.
type site struct {
	net                          *lab.Net
	gw, office, server, internet *lab.Host
	neighbour                    *lab.Host   // of the server; nil unless a test adds it
	dmz                          *lab.Switch // where the server is
	dir                          string
	ns                           *os.File
	feeds                        feeds.Options
	ssh                          map[int32]Connection // over which processes were started

	*parts
}

// parts are what a restart of the gateway makes anew.
type parts struct {
	*Firewall
	kernel *nft.Netlink
	stop   func()
}

// waitAtMost bounds every wait for something that has to happen: a busy machine is slow, not wrong.
const waitAtMost = 10 * time.Second

// newSite builds the network and starts a gateway without a policy.
func newSite(t *testing.T) *site {
	t.Helper()
	s := buildSite(t)
	s.start(t)
	return s
}

// buildSite builds the network; no gateway runs yet.
func buildSite(t *testing.T) *site {
	t.Helper()
	n := lab.Test(t)
	s := &site{net: n, gw: n.Host("gw"), office: n.Host("office"),
		server: n.Host("server"), internet: n.Host("internet"), dir: t.TempDir(), ssh: map[int32]Connection{}}
	lan, dmz, wan := n.Switch("lan"), n.Switch("dmz"), n.Switch("wan")
	s.dmz = dmz
	s.gw.Plug("lan0", lan)
	s.gw.Plug("dmz0", dmz)
	s.gw.Plug("wan0", wan)
	s.office.Plug("eth0", lan, prefixesOf("10.1.2.9/24 10.1.2.10/24 10.1.2.11/24 2001:db8:2::9/64")...)
	s.server.Plug("eth0", dmz, prefixesOf("10.1.3.10/24 10.1.3.11/24 10.1.3.12/24 2001:db8:3::10/64")...)
	s.internet.Plug("eth0", wan, prefixesOf("203.0.113.1/24 198.51.100.7/32 198.51.100.8/32 198.51.100.9/32 2001:db8:ff::1/64")...)
	s.office.Default(netip.MustParseAddr("10.1.2.1"))
	s.office.Default(netip.MustParseAddr("2001:db8:2::1"))
	s.server.Default(netip.MustParseAddr("10.1.3.1"))
	s.server.Default(netip.MustParseAddr("2001:db8:3::1"))
	s.internet.Route(netip.MustParsePrefix("10.1.0.0/16"), netip.MustParseAddr("203.0.113.2"))
	s.internet.Default(netip.MustParseAddr("2001:db8:ff::2"))
	for _, h := range []*lab.Host{s.gw, s.server, s.internet, s.office} {
		serve(h)
		// An answer to a forged SYN that comes again, when its flow is forgotten, would be counted as invalid.
		h.Sysctl("net.ipv4.tcp_synack_retries", "0")
	}
	var err error
	if s.ns, err = os.Open(filepath.Join("/run/netns", s.gw.Namespace())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.ns.Close() })
	return s
}

// serve answers probes on the ports that tests use.
func serve(h *lab.Host) {
	for _, all := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		for _, port := range []uint16{22, 80, 443, 8000, 8001, 8002, 8080} {
			h.ServeTCP(netip.AddrPortFrom(all, port))
		}
		for _, port := range []uint16{53, 80, 5000, 5001, 8080} {
			h.ServeUDP(netip.AddrPortFrom(all, port))
		}
	}
}

func prefixesOf(list string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// start starts the gateway's parts as the daemon does; stop ends them and leaves the kernel as it is.
func (s *site) start(t testing.TB) {
	t.Helper()
	state, err := OpenState(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	network, err := links.OpenNetlinkAt(netns.NsHandle(s.ns.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	var table *flows.Kernel
	if err := s.gw.Do(func() (err error) { table, err = flows.Open(); return err }); err != nil {
		t.Fatal(err)
	}
	var resets *flows.Resetter
	if err := s.gw.Do(func() (err error) { resets, err = flows.OpenResetter(); return err }); err != nil {
		t.Fatal(err)
	}
	sockets, err := gateways.OpenSocketsAt(netns.NsHandle(s.ns.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	monitor := gateways.New(gateways.Parts{Kernel: sockets})
	ctx, cancel := context.WithCancel(context.Background())
	log := hclog.NewNullLogger()
	s.feeds.Dir = filepath.Join(s.dir, LearnedDir)
	fetched := feeds.New(s.feeds)
	ring, overloads := packetlog.NewRing(10_000), packetlog.NewRing(64)
	owner := links.New(network, filepath.Join(s.dir, "links.json"), log)
	p := &parts{kernel: nft.Open(TableName).In(int(s.ns.Fd()))}
	p.Firewall = New(Parts{
		State: state, Kernel: &asked{Netlink: p.kernel}, Links: owner, Gateways: monitor, Resets: resets, Traces: p.kernel, FlowTable: table, Feeds: fetched, Host: siteHost{s.gw, s.ssh},
		PacketLog: ring, Overloads: overloads.Subscribe(ctx, nil), Version: "test", Logger: log,
		Files: func() (Draft, error) { return Draft{}, errors.New("there are no files") },
	})
	var work sync.WaitGroup
	run := func(what string, fn func(context.Context) error) {
		work.Go(func() {
			if err := fn(ctx); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	reader := func(what string, group uint16, to *packetlog.Ring) <-chan struct{} {
		r := packetlog.NewReader(packetlog.Config{Group: group, Ring: to, Name: p.DeviceName})
		run(what, func(ctx context.Context) error { return s.gw.Do(func() error { return r.Run(ctx) }) })
		return r.Ready()
	}
	run("links", owner.Run)
	run("gateways", monitor.Run)
	run("feeds", fetched.Run)
	logs, over := reader("packet log", rules.LogGroup, ring), reader("overloads", rules.OverloadGroup, overloads)
	ready := make(chan struct{})
	run("gateway", func(ctx context.Context) error { return p.Run(ctx, func() { close(ready) }) })
	p.stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
		network.Close()
		if err := errors.Join(table.Close(), resets.Close(), sockets.Close(), state.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	for _, up := range []<-chan struct{}{logs, over, ready} {
		select {
		case <-up:
		case <-p.done:
			t.Fatal("the gateway did not start")
		}
	}
	s.parts = p
}

// asked is a kernel that is asked for its features once: they do not change, and
// trying each takes longer than all else of an apply.
type asked struct {
	*nft.Netlink
	features nft.Features
}

// Features says what the kernel can do.
func (a *asked) Features(ctx context.Context) (nft.Features, error) {
	if a.features != nil {
		return a.features, nil
	}
	var err error
	a.features, err = a.Netlink.Features(ctx)
	return a.features, err
}

// siteHost is the machine under a gateway in a namespace.
type siteHost struct {
	gw  *lab.Host
	ssh map[int32]Connection
}

func (siteHost) BootID() string                              { return Machine{}.BootID() }
func (siteHost) Connections() (map[Connection]bool, error)   { return nil, nil }
func (h siteHost) ComesBy(pid int32) (c Connection, ok bool) { c, ok = h.ssh[pid]; return c, ok }
func (h siteHost) DeviceTo(a netip.Addr) (device string, ok bool) {
	_ = h.gw.Do(func() error { device, ok = Machine{}.DeviceTo(a); return nil }) // without the namespace there is no device
	return device, ok
}

// apply makes base and the rest of a policy run, for good.
func (s *site) apply(t *testing.T, rest string) report.Applied {
	t.Helper()
	return s.applyDraft(t, base+rest, 0)
}

func (s *site) applyDraft(t testing.TB, policy string, confirm int) report.Applied {
	t.Helper()
	by := report.Caller{Name: "ann", Connected: time.Now()}
	a, err := s.Apply(t.Context(), report.Request{Draft: draft(policy), Confirm: confirm}, by)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) > 0 {
		t.Errorf("apply warns: %q", a.Warnings)
	}
	return a
}

// forget ends all flows, so that the next packet begins a new one.
func (s *site) forget(t *testing.T) {
	t.Helper()
	all, err := s.FlowTable.List(t.Context(), nil)
	if err == nil {
		_, err = s.FlowTable.End(t.Context(), all)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// counters is how many packets each rule decided about, the automatic ones
// and limits (limit_NAME) included.
func (s *site) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	list, err := s.Rules(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	for _, r := range list {
		name := r.Name
		if r.Kind == "limit" {
			name = rules.LimitCounter(r.Name)
		}
		out[name] = r.Packets
	}
	return out
}

// await polls until ok holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(waitAtMost); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it did not come in %s", what, waitAtMost)
		}
	}
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// within is a context for one step of a test.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
