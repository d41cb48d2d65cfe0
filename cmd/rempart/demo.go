package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

//go:embed demo/rempart.toml
var demoPolicy []byte

// demoLockout is what the demo puts before the rules to lock the office out.
const demoLockout = `[[rule]]
name   = "oops"
from   = "lan"
action = "block"

`

func demoCommand(p *program) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a gateway at work, in namespaces of this machine",
		Long: `demo builds an office, some servers, the Internet and a gateway between them
out of network namespaces, and shows what the gateway allows, blocks,
translates and logs, and how a policy that locks out the office is taken back.
Then it leaves all of it standing to play with. Nothing of the machine itself
is changed. It needs root.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), p.out, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end when all is shown")
	return cmd
}

// demo is a gateway between an office, some servers and the Internet, all of
// them network namespaces of this machine.
type demo struct {
	out     io.Writer
	net     *lab.Net
	gateway *lab.Host
	office  *lab.Host
	server  *lab.Host
	outside *lab.Host
	daemon  *lab.Process
	dir     string
}

// Addresses of the demo's machines; those of the gateway stand in its policy.
var (
	demoWeb    = netip.MustParseAddrPort("198.51.100.7:443")
	demoPublic = netip.MustParseAddrPort("203.0.113.2:80")
	demoSSH    = netip.MustParseAddrPort("203.0.113.2:22")
	demoOffice = netip.MustParseAddrPort("10.1.2.9:22")
)

// runDemo shows what a gateway does and leaves it standing until ctx ends, or
// ends it at once.
func runDemo(ctx context.Context, out io.Writer, once bool) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("demo: it is made of network namespaces, and making them needs root: sudo rempart demo")
	}
	d := &demo{out: out}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.build(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{d.allowed, d.blocked, d.asked, d.lockedOut} {
		if err := scene(ctx); err != nil {
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

// build makes the machines and cables.
func (d *demo) build() (err error) {
	if d.net, err = lab.New("demo"); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "rempart-demo-"); err != nil {
		return err
	}
	lan, dmz, wan := d.net.Switch("lan-switch"), d.net.Switch("dmz-switch"), d.net.Switch("wan-switch")
	d.gateway, d.office, d.server, d.outside = d.net.Host("gateway"), d.net.Host("office"), d.net.Host("server"), d.net.Host("internet")
	d.gateway.Plug("lan", lan)
	d.gateway.Plug("dmz", dmz)
	d.gateway.Plug("wan", wan)
	d.office.Plug("eth0", lan, netip.MustParsePrefix("10.1.2.9/24"))
	d.office.Default(netip.MustParseAddr("10.1.2.1"))
	d.server.Plug("eth0", dmz, netip.MustParsePrefix("10.1.3.10/24"))
	d.server.Default(netip.MustParseAddr("10.1.3.1"))
	d.outside.Plug("eth0", wan, netip.MustParsePrefix("203.0.113.1/29"), netip.MustParsePrefix("198.51.100.7/32"))
	d.server.ServeTCP(netip.MustParseAddrPort("10.1.3.10:8080"))
	d.outside.ServeTCP(demoWeb)
	d.office.ServeTCP(demoOffice)
	return d.net.Err()
}

func (d *demo) config() string { return filepath.Join(d.dir, "etc") }
func (d *demo) state() string  { return filepath.Join(d.dir, "state") }
func (d *demo) socket() string { return filepath.Join(d.dir, "rempart.sock") }

// start runs the daemon on the gateway and waits until it enforces the policy.
func (d *demo) start(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(d.config(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.config(), "rempart.toml"), demoPolicy, 0o600); err != nil {
		return err
	}
	fmt.Fprint(d.out, demoPicture)
	cmd := d.gateway.Command(ctx, program, "run", "--config", d.config(), "--state", d.state(), "--socket", d.socket())
	if d.daemon, err = d.gateway.Start(cmd); err != nil {
		return err
	}
	return d.await(ctx, "the daemon to enforce the policy", func() bool {
		s, err := web.Dial(d.socket()).Status(ctx)
		return err == nil && s.Revision > 0
	})
}

const demoPicture = `
  office 10.1.2.9 ----- lan |         |
                            | gateway | wan ----- internet 198.51.100.7
  server 10.1.3.10 ---- dmz |         |

`

// await polls until what is true, for ten seconds.
func (d *demo) await(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-d.daemon.Done():
			return fmt.Errorf("demo: the daemon ended:\n%s", d.daemon.Output())
		case <-ctx.Done():
			return fmt.Errorf("demo: waited for %s: %w\n%s", what, ctx.Err(), d.daemon.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// allowed shows what the policy lets in, and how it is translated.
func (d *demo) allowed(ctx context.Context) error {
	d.heading("What the policy allows")
	return errors.Join(
		d.expect(lab.Open, "office -> internet, port 443", d.office.TCP(ctx, demoWeb)),
		d.expect(lab.Open, "internet -> our port 80, forwarded", d.outside.TCP(ctx, demoPublic)),
		d.expect(lab.Open, "office pings the gateway", d.office.Ping(ctx, netip.MustParseAddr("10.1.2.1"))),
	)
}

// blocked shows what it does not, and that the log says why.
func (d *demo) blocked(ctx context.Context) error {
	d.heading("What it blocks")
	short := lab.Within(300 * time.Millisecond)
	err := errors.Join(
		d.expect(lab.Timeout, "internet -> SSH of the gateway", d.outside.TCP(ctx, demoSSH, short)),
		d.expect(lab.Refused, "server -> office, port 22", d.server.TCP(ctx, demoOffice, short)),
		d.outside.Send(lab.Datagram{
			Src: netip.MustParseAddrPort("10.1.2.66:4444"), Dst: demoSSH, Protocol: lab.TCP, Flags: lab.SYN,
		}.Append(nil)),
	)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, "  internet sends a packet that claims to come from the office")
	if err := d.await(ctx, "the log", func() bool {
		entries, err := web.Dial(d.socket()).Log(ctx, []string{"reason", packetlog.CauseSpoofed.String()}, 1)
		return err == nil && len(entries) > 0
	}); err != nil {
		return err
	}
	d.heading("Why? The log knows, and the policy can be asked")
	return errors.Join(d.command(ctx, "show", "log", "-n", "5"), d.command(ctx, "explain", "dmz tcp 10.1.3.10 -> 10.1.2.9:ssh"))
}

// asked shows the rules with what they decided, and the flows.
func (d *demo) asked(ctx context.Context) error {
	call, result := d.office.Call(ctx, demoWeb)
	if call == nil {
		return fmt.Errorf("demo: office -> internet: %v", result)
	}
	defer call.Close()
	d.heading("What each rule decided, and who talks to whom")
	return errors.Join(d.command(ctx, "show", "rules"), d.command(ctx, "show", "flows"))
}

// lockedOut applies a policy that shuts the office out, and waits until it is taken back.
func (d *demo) lockedOut(ctx context.Context) error {
	d.heading("An apply that locks the office out takes itself back")
	file := filepath.Join(d.dir, "mistake.toml")
	text := strings.Replace(string(demoPolicy), "[[rule]]", demoLockout+"[[rule]]", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if err := d.command(ctx, "apply", "--confirm", "2s", "-m", "what could go wrong", file); err != nil {
		return err
	}
	short := lab.Within(300 * time.Millisecond)
	if err := d.expect(lab.Timeout, "office -> internet, port 443", d.office.TCP(ctx, demoWeb, short)); err != nil {
		return err
	}
	fmt.Fprintln(d.out, "  ... nobody confirms ...")
	if err := d.await(ctx, "the policy to be taken back", func() bool {
		s, err := web.Dial(d.socket()).Status(ctx)
		return err == nil && s.Pending == nil
	}); err != nil {
		return err
	}
	if err := d.expect(lab.Open, "office -> internet, port 443", d.office.TCP(ctx, demoWeb)); err != nil {
		return err
	}
	return d.command(ctx, "status")
}

func (d *demo) heading(text string) { fmt.Fprintf(d.out, "\n%s\n\n", text) }

// expect prints what became of a probe; another outcome ends the demo.
func (d *demo) expect(want lab.Outcome, what string, got lab.Result) error {
	if got.Outcome != want {
		return fmt.Errorf("demo: %s: %v, want %v\n%s", what, got, want, d.daemon.Output())
	}
	fmt.Fprintf(d.out, "  %-36s %v\n", what, got)
	return nil
}

// command runs a command of ours as the user would, and shows it.
func (d *demo) command(ctx context.Context, args ...string) error {
	shown := make([]string, len(args))
	for i, a := range args {
		shown[i] = strings.ReplaceAll(a, d.dir+"/", "")
		if strings.Contains(a, " ") {
			shown[i] = `"` + a + `"`
		}
	}
	fmt.Fprintf(d.out, "$ rempart %s\n", strings.Join(shown, " "))
	args = append(args, "--config", d.config(), "--state", d.state(), "--socket", d.socket())
	if code := run(ctx, args, strings.NewReader(""), d.out, d.out); code != exitDone {
		return fmt.Errorf("demo: rempart %s ended with exit code %d", strings.Join(shown, " "), code)
	}
	fmt.Fprintln(d.out)
	return nil
}

// leave tells the user what there is to play with.
func (d *demo) leave() {
	d.heading("It stays up until Ctrl-C. In another terminal, as root:")
	ns := func(h *lab.Host) string { return "ip netns exec " + h.Namespace() }
	fmt.Fprintf(d.out, "  %-28s %s ping -c 3 198.51.100.7\n", "be the office", ns(d.office))
	fmt.Fprintf(d.out, "  %-28s rempart show log -f --socket %s\n", "watch the log", d.socket())
	fmt.Fprintf(d.out, "  %-28s $EDITOR %s/rempart.toml\n", "change the policy", d.config())
	fmt.Fprintf(d.out, "  %-28s rempart apply --config %s --socket %s\n", "apply it", d.config(), d.socket())
	fmt.Fprintf(d.out, "  %-28s %s nft list ruleset\n\n", "see what the kernel has", ns(d.gateway))
}

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
