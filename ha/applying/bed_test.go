package applying_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/web"
)

// waitAtMost bounds every wait for something that has to happen.
const waitAtMost = time.Minute

// The devices of a gateway.
const (
	lanDevice, wanDevice, cableDevice = "lan0", "wan0", "sync0"
)

// bed is a network with five gateways side by side: two that are a pair, one alone, and two that are set up by hand.
type bed struct {
	testing.TB   // of the benchmark that uses it now
	client, site *lab.Host
	gateways     [5]*gateway
}

// gateway is one of them.
type gateway struct {
	*lab.Gateway
	bed    *bed
	host   *lab.Host
	number int
}

func (g *gateway) lan() netip.Addr   { return numbered("10.10.0.%d", g.number+2) }
func (g *gateway) wan() netip.Addr   { return numbered("10.20.0.%d", g.number+2) }
func (g *gateway) cable() netip.Addr { return numbered("172.16.0.%d", g.number+1) }

// behind is the address of the site to which only this gateway is the way.
func (g *gateway) behind() netip.Addr { return numbered("10.20.0.%d", g.number+101) }

func numbered(format string, number int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf(format, number))
}

func subnet(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 24) }

// newBed builds the network. Nothing runs.
func newBed(tb testing.TB) *bed {
	tb.Helper()
	// First, so that it goes last: daemons write until the network ends them.
	dirs := [...]string{tb.TempDir(), tb.TempDir(), tb.TempDir(), tb.TempDir(), tb.TempDir()}
	n := lab.Test(tb)
	b := &bed{TB: tb, client: n.Host("client"), site: n.Host("site")}
	lan, wan, cable := n.Switch("lan"), n.Switch("wan"), n.Switch("cable")
	b.client.Plug("eth0", lan, subnet(netip.MustParseAddr("10.10.0.100")))
	b.site.Plug("eth0", wan)
	for i := range b.gateways {
		g := &gateway{bed: b, host: n.Host(fmt.Sprintf("fw%d", i+1)), number: i}
		g.Gateway = g.host.Gateway(program, dirs[i])
		g.host.Forward()
		g.host.Plug(lanDevice, lan, subnet(g.lan()))
		g.host.Plug(wanDevice, wan, subnet(g.wan()))
		b.site.AddAddr("eth0", subnet(g.behind()))
		b.client.Route(netip.PrefixFrom(g.behind(), 32), g.lan())
		b.gateways[i] = g
	}
	for _, g := range b.gateways[:2] {
		g.host.Plug(cableDevice, cable, subnet(g.cable()))
	}
	return b
}

// startPair starts the first two gateways and pairs them.
func (b *bed) startPair() {
	b.Helper()
	one, two := b.gateways[0], b.gateways[1]
	one.write("carp.key", "a secret of two\n")
	for _, g := range []*gateway{one, two} {
		b.start(g, pairNode(g))
	}
	ctx, cancel := context.WithTimeout(b.Context(), waitAtMost)
	defer cancel()
	var joined sync.Once // the invitation is told again when somebody tries
	_, err := one.daemon().Invite(ctx, "", func(i view.Invitation) error {
		go joined.Do(func() {
			if _, err := two.daemon().Join(ctx, view.Join{Code: i.Code, Address: one.cable()}, ""); err != nil {
				b.Error(err)
				cancel()
			}
		})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.await("the link of the pair", func() bool {
		for _, g := range []*gateway{one, two} {
			s, err := g.daemon().HAStatus(ctx)
			if err != nil || s.Policy == nil || s.Policy.State == view.PolicyUnpaired || s.Policy.State == view.PolicyAway {
				return false
			}
		}
		return true
	})
}

// start starts the daemon of a gateway that has nothing but its node.toml, and waits until it answers.
func (b *bed) start(g *gateway, own string) {
	b.Helper()
	g.write("node.toml", own)
	if err := g.Start(); err != nil {
		b.Fatal(err)
	}
	b.await(g.host.Name()+" to answer", func() bool {
		_, err := g.daemon().Status(b.Context())
		return err == nil
	})
}

// daemon is how the gateway's daemon is asked.
func (g *gateway) daemon() *web.Client { return web.Dial(g.File("socket")) }

// write writes a file of the configuration.
func (g *gateway) write(name, text string) {
	g.bed.Helper()
	if err := g.Write("etc/"+name, text, 0o600); err != nil {
		g.bed.Fatal(err)
	}
}

// await polls until ok.
func (b *bed) await(what string, ok func() bool) {
	b.Helper()
	if !lab.Poll(waitAtMost, ok) {
		b.Fatalf("waited %s for %s", waitAtMost, what)
	}
}

// program is what is measured.
var program = lab.NewProgram("github.com/rempart/rempart/cmd/rempart")

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }
