package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"go4.org/netipx"
)

// BenchmarkLoad puts a policy into an empty kernel, each time by a process of its own: ours
// begins at rempart.toml and the list beside it, nft(8) at the ruleset that one would write by hand
// for the same. They take turns, so that what else the machine does falls on both.
func BenchmarkLoad(b *testing.B) {
	list := benchBase + ruleList(10_000, onePort)
	access := classBench("acl", 10_000, 1)
	lists := policyOf(1_000, ports, nil)
	for _, bb := range []struct {
		name   string
		policy string
		peer   func(b *testing.B) string
		listed int
	}{
		{name: "list-10000", policy: list, peer: func(b *testing.B) string { return linear(benchWorld(b, list)) }},
		{name: "acl-10000", policy: access, peer: func(b *testing.B) string { return linear(benchWorld(b, access)) }},
		{name: "1000-port-lists", policy: lists, peer: func(b *testing.B) string { return compiled(b, lists).String() }},
		{name: "100000-addresses", policy: policyOfList, listed: 100_000},
		{name: "1000000-addresses", policy: policyOfList, listed: 1_000_000},
	} {
		b.Run(bb.name, func(b *testing.B) {
			gw := lab.Test(b).Host("gw")
			dir := b.TempDir()
			save(b, filepath.Join(dir, "rempart.toml"), bb.policy)
			if bb.peer != nil {
				save(b, filepath.Join(dir, "peer.nft"), bb.peer(b))
			} else {
				addresses := listed(0, bb.listed)
				save(b, filepath.Join(dir, "list.txt"), strings.Join(addresses, "\n")+"\n")
				save(b, filepath.Join(dir, "peer.nft"), peerList(addresses))
			}
			var ours, theirs costs
			for b.Loop() {
				ours.addIn(b, gw, loadChild(dir))
				empty(b, gw)
				theirs.addIn(b, gw, exec.Command("nft", "-f", filepath.Join(dir, "peer.nft")))
				empty(b, gw)
			}
			ours.against(b, theirs)
		})
	}
}

// policyOfList blocks what stands in a list beside the policy.
const policyOfList = benchBase + `
[alias.listed]
url = "file:list.txt"

[[rule]]
name = "drop-listed"
from = "lan"
source = "@listed"
action = "block"
`

// peerList is policyOfList as one would write it by hand.
func peerList(addresses []string) string {
	return "table inet peer {\n\tset listed {\n\t\ttype ipv4_addr; flags interval\n\t\telements = { " +
		strings.Join(addresses, ",\n") + " }\n\t}\n" +
		"\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n" +
		"\t\tct state established,related accept\n\t\tip saddr @listed drop\n\t}\n}\n"
}

// loadVariable names the directory whose policy TestLoadChild loads.
const loadVariable = "REMPART_BENCH_LOAD"

func loadChild(dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadChild$")
	cmd.Env = append(os.Environ(), loadVariable+"="+dir)
	return cmd
}

// TestLoadChild is the process that BenchmarkLoad measures.
func TestLoadChild(t *testing.T) {
	dir := os.Getenv(loadVariable)
	if dir == "" {
		t.Skip("a part of BenchmarkLoad")
	}
	data, err := os.ReadFile(filepath.Join(dir, "rempart.toml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := Learned{Outside: Outside{Lists: fetched(t, c, dir)}}
	var tab table
	if err := tab.put(t.Context(), nft.Open(TableName), Compile(NewWorld(c, l, compileTime))); err != nil {
		t.Fatal(err)
	}
}

// fetched is the lists of a policy, read as the daemon reads them.
func fetched(t *testing.T, c *config.Config, dir string) map[string]*netipx.IPSet {
	t.Helper()
	if len(c.Aliases) == 0 {
		return nil
	}
	f := feeds.New(feeds.Options{Fetcher: feeds.NewWeb(dir)})
	f.Set(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	<-f.Changed()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return f.Snapshot().Lists
}

// millionVariable makes BenchmarkChange also measure nft(8) on a million addresses, minutes for each element.
const millionVariable = "REMPART_BENCH_MILLION"

// BenchmarkChange moves a list on by some addresses while it is in use: as the daemon does it, which
// compares what is wanted with what it sent last, and as nft(8) does it on one interval set.
func BenchmarkChange(b *testing.B) {
	for _, bb := range []struct {
		name     string
		size     int
		adds     int
		exchange bool // as many leave
		peer     bool
	}{
		{"exchange-10-of-100000", 100_000, 10, true, true},
		{"add-1-to-100000", 100_000, 1, false, true},
		{"add-1000-to-100000", 100_000, 1_000, false, true},
		{"add-1-to-1000000", 1_000_000, 1, false, os.Getenv(millionVariable) != ""},
		{"add-1000-to-1000000", 1_000_000, 1_000, false, os.Getenv(millionVariable) != ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			n := lab.Test(b)
			gw, peer := n.Host("gw"), n.Host("peer")
			c := parsed(b, policyOfList)
			wanted := func(from, to int) nft.Ruleset {
				lists := map[string]*netipx.IPSet{"listed": setFrom(b, listed(from, to-from))}
				return Compile(NewWorld(c, Learned{Outside: Outside{Lists: lists}}, compileTime))
			}
			file := filepath.Join(b.TempDir(), "peer.nft")
			if bb.peer {
				save(b, file, peerList(listed(0, bb.size)))
				if _, err := peer.Run(b.Context(), "nft", "-f", file); err != nil {
					b.Fatal(err)
				}
			}
			var ours, theirs costs
			var t table
			from, to := 0, bb.size
			ours.putIn(b, gw, &t, wanted(from, to))
			ours = costs{}
			for b.Loop() {
				change := ""
				if bb.exchange {
					change = fmt.Sprintf("delete element inet peer listed { %s }\n", strings.Join(listed(from, bb.adds), ", "))
					from += bb.adds
				}
				change += fmt.Sprintf("add element inet peer listed { %s }\n", strings.Join(listed(to, bb.adds), ", "))
				to += bb.adds
				ours.putIn(b, gw, &t, wanted(from, to))
				if bb.peer {
					save(b, file, change)
					theirs.addIn(b, peer, exec.Command("nft", "-f", file))
				}
			}
			ours.against(b, theirs)
		})
	}
}

func setFrom(b *testing.B, networks []string) *netipx.IPSet {
	b.Helper()
	var s netipx.IPSetBuilder
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			b.Fatal(err)
		}
		s.AddPrefix(p)
	}
	set, err := s.IPSet()
	if err != nil {
		b.Fatal(err)
	}
	return set
}

// empty takes all rulesets out of a host's kernel.
func empty(b *testing.B, h *lab.Host) {
	b.Helper()
	if _, err := h.Run(b.Context(), "nft", "flush", "ruleset"); err != nil {
		b.Fatal(err)
	}
}

func save(b *testing.B, name, text string) {
	b.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}
