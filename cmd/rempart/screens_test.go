package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/web"
)

// overSSH is a machine to which everybody comes by SSH from the office.
type overSSH struct{}

func (overSSH) BootID() string                                     { return "boot" }
func (overSSH) Connections() (map[firewall.Connection]bool, error) { return nil, nil }
func (overSSH) Send(context.Context, []flows.Segment) (int, error) { return 0, nil }
func (overSSH) DeviceTo(netip.Addr) (device string, ok bool)       { return "eth1", true }
func (overSSH) ComesBy(int32) (c firewall.Connection, ok bool) {
	return firewall.Connection{Local: netip.MustParseAddrPort("10.1.2.1:22"), Remote: netip.MustParseAddrPort("10.1.2.9:50122")}, true
}

// serveGateway runs a whole gateway over a machine in memory, and its daemon, until the test ends.
func (s *stage) serveGateway(t *testing.T, files report.Draft) {
	t.Helper()
	state, err := firewall.OpenState(filepath.Join(s.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	log := hclog.NewNullLogger()
	var devices []links.Device
	for i, name := range []string{"eth0", "eth1", "eth2"} {
		devices = append(devices, links.Device{Index: i + 2, Name: name, MTU: 1500, Up: true})
	}
	gateway := firewall.New(firewall.Parts{
		State: state, Kernel: nft.NewFake(firewall.TableName), Links: links.New(links.NewFake(devices...), state.Path("links.json"), log),
		FlowTable: flows.NewFake(), Feeds: feeds.New(feeds.Options{}), Gateways: gateways.New(gateways.Parts{Kernel: gateways.NewFake()}),
		Resets: overSSH{}, Host: overSSH{}, PacketLog: packetlog.NewRing(1),
		Files: func() (report.Draft, error) { return files, nil }, Version: version, Logger: log,
	})
	server, err := web.Listen(s.socket(), log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 2)
	go func() { ended <- gateway.Run(ctx, func() { close(ready) }) }()
	go func() { ended <- server.Run(ctx, web.Handler(gateway, s.gateway, log)) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("daemon: %v", err)
			}
		}
		state.Close()
	})
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway did not start")
	}
}

// TestDocsScreens keeps what docs/explain.md shows: each command line of it is
// run, over the policies that the page has, and a gateway that runs the first of them.
func TestDocsScreens(t *testing.T) {
	const file = "../../docs/explain.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policies := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(policies) != 2 {
		t.Fatalf("%s has %d policies, want office.toml and the test that is added to it", file, len(policies))
	}
	office := policies[0][1]
	s := newStage(t)
	s.write(t, "office.toml", office)
	s.write(t, "tested.toml", office+"\n"+policies[1][1])
	s.write(t, "without-ssh.toml", regexp.MustCompile(`(?s)\[\[rule\]\]\nname     = "ssh-in".*?\n\n`).ReplaceAllString(office, ""))
	s.serveGateway(t, report.Draft{PolicyName: "office.toml", Policy: []byte(office)})

	s.screens(t, file, string(page))
}

// screens runs each command line that a page shows, and holds what it says against the page. A
// comment before one names the state of pairStates in which the pair is from there on; "ill"
// is one of which a doctor finds something, and whose flows differ.
func (s *stage) screens(t *testing.T, file, page string) {
	t.Helper()
	screens := regexp.MustCompile("(?s)(<!-- pair: (\\w+) -->\n)?```console\n\\$ rempart (.*?)\n(.*?)```")
	states := pairStates()
	got := screens.ReplaceAllStringFunc(page, func(screen string) string {
		parts := screens.FindStringSubmatch(screen)
		comment, state, line := parts[1], parts[2], parts[3]
		if s.gateway.ill = state == "ill"; state != "" {
			s.gateway.pair = states[state]
		}
		if s.gateway.ill {
			s.gateway.pair = samplePair()
		}
		return comment + "```console\n$ rempart " + line + "\n" + s.screen(t, line) + "```"
	})
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", file, diff)
	}
}

// screen is what a command line shows, as if it were always the same time.
func (s *stage) screen(t *testing.T, line string) string {
	t.Helper()
	words := fields(line)
	for i, w := range words {
		if strings.HasSuffix(w, ".toml") {
			words[i] = "DIR/" + w
		}
	}
	stdout, stderr, _ := s.run(t, words...)
	screen := strings.ReplaceAll(stdout+stderr, "DIR/", "")
	if words[0] == "apply" { // it always asks about now
		screen = regexp.MustCompile(`at \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+`).ReplaceAllString(screen, "at Mon 2026-11-23 09:30:00 +0100")
	}
	return screen
}
