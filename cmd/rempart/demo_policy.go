package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/web"
)

// demoMistake is what the demo puts before the rules to lock the office out.
const demoMistake = `[[rule]]
name   = "oops"
from   = "lan"
action = "block"

`

// blockedWithin is how long an answer is waited for that ought not to come.
const blockedWithin = 300 * time.Millisecond

// policy shows what the policy lets in and what not, and that the log says why.
func (d *demo) policy(ctx context.Context) error {
	d.heading("What the policy allows")
	short := lab.Within(blockedWithin)
	err := errors.Join(
		d.expect(lab.Open, "office -> internet", d.office.TCP(ctx, demoWeb)),
		d.expect(lab.Open, "internet -> our port 443", d.internet.TCP(ctx, demoPublic)),
	)
	if err != nil {
		return err
	}
	d.heading("What it blocks, and why")
	err = errors.Join(
		d.expect(lab.Timeout, "internet -> our SSH", d.internet.TCP(ctx, demoSSH, short)),
		d.expect(lab.Refused, "server -> office", d.server.TCP(ctx, netip.AddrPortFrom(demoOffice, 22), short)),
		d.internet.Send(lab.Datagram{
			Src: netip.MustParseAddrPort("10.1.2.66:4444"), Dst: demoSSH, Protocol: lab.TCP, Flags: lab.SYN,
		}.Append(nil)),
	)
	if err != nil {
		return err
	}
	d.printf("  %-26s a packet that claims to come from the office\n\n", "internet -> our SSH")
	if err := d.await(ctx, "the log", func() bool {
		entries, err := web.Dial(d.fw1.socket()).Log(ctx, []string{"reason", packetlog.CauseSpoofed.String()}, 1)
		return err == nil && len(entries) > 0
	}); err != nil {
		return err
	}
	return errors.Join(
		d.command(ctx, d.fw1, "show", "log", "-n", "3"),
		d.part(ctx, d.fw1, "reject", "explain", "dmz tcp 10.1.3.10 -> 10.1.2.9:ssh"),
	)
}

// mistake applies a policy that shuts the office out, and waits until it is taken back.
func (d *demo) mistake(ctx context.Context) error {
	d.heading("A mistake takes itself back")
	policy, err := demoFiles.ReadFile("demo/rempart.toml")
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "mistake.toml")
	text := strings.Replace(string(policy), "[[rule]]", demoMistake+"[[rule]]", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if err := d.part(ctx, d.fw1, "fw2 runs", "apply", "--confirm", "2s", file); err != nil {
		return err
	}
	d.printf("\n")
	short := lab.Within(blockedWithin)
	if err := d.expect(lab.Timeout, "office -> internet", d.office.TCP(ctx, demoWeb, short)); err != nil {
		return err
	}
	d.printf("  ... nobody confirms ...\n")
	if err := d.await(ctx, "the policy to be taken back", func() bool {
		s, err := web.Dial(d.fw1.socket()).Status(ctx)
		return err == nil && s.Pending == nil
	}); err != nil {
		return err
	}
	return d.expect(lab.Open, "office -> internet", d.office.TCP(ctx, demoWeb))
}

// expect prints what became of a probe; another outcome ends the demo.
func (d *demo) expect(want lab.Outcome, what string, got lab.Result) error {
	if got.Outcome != want {
		return fmt.Errorf("demo: %s: %v, want %v%s", what, got, want, d.output())
	}
	d.printf("  %-26s %v\n", what, got)
	return nil
}
