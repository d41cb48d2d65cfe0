package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/spf13/cobra"
)

func demoCommand(p *program) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a pair of gateways at work, in namespaces of this machine",
		Long: `demo builds an office, some servers, the Internet and a pair of gateways between
them out of network namespaces. The gateways are paired by a code, and one gets
its policy from the other. It shows what that allows, blocks and logs, how a
mistake is taken back, and how an edit on either node reaches both; then traffic
goes both ways while the master is killed, comes back and gives the role away by
order, and a timeline tells what that cost. Then it leaves all of it standing to
play with. Nothing of the machine itself is changed. It needs root.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), p.out, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end when all is shown")
	return cmd
}

// demo is a pair of gateways between an office, some servers and the Internet,
// all of them network namespaces of this machine.
type demo struct {
	out      io.Writer
	dir      string // of all files
	net      *lab.Net
	office   *lab.Host
	server   *lab.Host
	internet *lab.Host
	fw1, fw2 *demoNode
	probes   []demoProbe
	began    time.Time // when traffic did
}

// Addresses of the demo's machines; those of the nodes stand in the policy.
var (
	demoOffice = netip.MustParseAddr("10.1.2.9")
	demoServer = netip.MustParseAddrPort("10.1.3.10:8443")
	demoWeb    = netip.MustParseAddrPort("198.51.100.7:443")
	demoPublic = netip.MustParseAddrPort("203.0.113.5:443")
	demoSSH    = netip.MustParseAddrPort("203.0.113.5:22")
)

const demoPicture = `
                            ,--- | fw1 | ---.
  office 10.1.2.9  -- lan --+    |     |    +-- wan -- internet 198.51.100.7
  server 10.1.3.10 -- dmz --+    |cable|    |
                            '--- | fw2 | ---'

  Whichever node is master has 10.1.2.1, 10.1.3.1 and 203.0.113.5.
  Each machine is a namespace: %soffice and so on.
`

// runDemo shows what a pair of gateways does and leaves it standing until ctx
// ends, or ends it at once.
func runDemo(ctx context.Context, out io.Writer, once bool) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("demo: it is made of network namespaces, and making them needs root: sudo rempart demo")
	}
	d := &demo{out: out}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.build(); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{
		d.begin, d.joined, d.pair, d.policy, d.mistake, d.onePolicy, d.traffic, d.killed, d.unpowered, d.released, d.whole,
	} {
		if err := scene(ctx); ctx.Err() != nil {
			return errors.New("demo: interrupted") // what a scene says of that is no news
		} else if err != nil {
			return err
		}
	}
	if once {
		return nil
	}
	d.leave()
	<-ctx.Done()
	return nil
}

// build makes the machines, the cables, and the files of the nodes.
func (d *demo) build() (err error) {
	if d.dir, err = os.MkdirTemp("", "rempart-demo-"); err != nil {
		return err
	}
	if d.net, err = lab.New("demo"); err != nil {
		return err
	}
	lan, dmz, wan := d.net.Switch("lan-switch"), d.net.Switch("dmz-switch"), d.net.Switch("wan-switch")
	d.office, d.server, d.internet = d.net.Host("office"), d.net.Host("server"), d.net.Host("internet")
	d.office.Plug("eth0", lan, netip.PrefixFrom(demoOffice, 24))
	d.office.Default(netip.MustParseAddr("10.1.2.1"))
	d.server.Plug("eth0", dmz, netip.PrefixFrom(demoServer.Addr(), 24))
	d.server.Default(netip.MustParseAddr("10.1.3.1"))
	d.internet.Plug("eth0", wan, netip.MustParsePrefix("203.0.113.1/29"), netip.PrefixFrom(demoWeb.Addr(), 32))
	d.fw1, d.fw2 = &demoNode{host: d.net.Host("fw1"), dir: d.dir}, &demoNode{host: d.net.Host("fw2"), dir: d.dir}
	for _, n := range d.nodes() {
		n.host.Plug("lan", lan)
		n.host.Plug("dmz", dmz)
		n.host.Plug("wan", wan)
	}
	d.net.Cable(d.fw1.host, "sync", d.fw2.host, "sync")
	d.internet.ServeTCP(demoWeb)
	d.internet.ServeUDP(demoWeb)
	d.server.ServeTCP(demoServer)
	d.server.ServeUDP(demoServer)
	d.office.ServeTCP(netip.AddrPortFrom(demoOffice, 22))
	return errors.Join(d.net.Err(), d.fw1.write(), d.fw2.writeNode())
}

func (d *demo) nodes() []*demoNode { return []*demoNode{d.fw1, d.fw2} }

// close leaves nothing behind.
func (d *demo) close() error {
	var err error
	if d.net != nil {
		err = d.net.Close()
	}
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}

const (
	// demoPatience is how long the demo waits for what has to happen.
	demoPatience = 30 * time.Second
	// demoPoll is how often it looks.
	demoPoll = 10 * time.Millisecond
)

// await polls until what is true.
func (d *demo) await(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("demo: waited for %s: %w%s", what, ctx.Err(), d.output())
		case <-time.After(demoPoll):
		}
	}
	return nil
}

// rest lets what is shown go on for some time.
func (d *demo) rest(ctx context.Context, how time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(how):
		return nil
	}
}

// output is what the daemons said, to be read when something went wrong.
func (d *demo) output() string {
	return d.fw1.output() + d.fw2.output()
}

func (d *demo) heading(text string) { fmt.Fprintf(d.out, "\n%s\n\n", text) }

// demoColumns is how wide what the demo says is.
const demoColumns = 78

// say prints sentences.
func (d *demo) say(text string) { d.printf("\n%s\n", strings.Join(wrap(text, demoColumns), "\n")) }

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// leave tells the user what there is to play with.
func (d *demo) leave() {
	d.heading("It stays up until Ctrl-C. In another terminal, as root:")
	for _, n := range d.nodes() {
		d.printf("  %s=%s\n", n.name(), n.socket())
	}
	d.printf("\n")
	ns := func(h *lab.Host) string { return "ip netns exec " + h.Namespace() }
	self := os.Args[0]
	for _, line := range [][2]string{
		{"who is master", self + " ha status --socket $fw1"},
		{"cut the cable, mend it", ns(d.fw1.host) + " ip link set sync down   # up"},
		{"cut fw1 off the office", ns(d.fw1.host) + " ip link set lan down    # up"},
		{"is all well?", self + " ha doctor --socket $fw1"},
		{"switch and measure", self + " ha drill --socket $fw1"},
		{"be the office", ns(d.office) + " ping 198.51.100.7"},
		{"watch the log", self + " show log -f --socket $fw2"},
		{"see what the kernel has", ns(d.fw2.host) + " nft list ruleset"},
		{"change the policy", "$EDITOR " + filepath.Join(d.fw1.config(), policyFile) + "   # or that of fw2"},
		{"and apply it on both", self + " apply --config " + d.fw1.config() + " --socket $fw1"},
	} {
		d.printf("  %-24s %s\n", line[0], line[1])
	}
	d.printf("\n")
}
