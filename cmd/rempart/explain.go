package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

func explainCommand(p *program) *cobra.Command {
	var q report.Question
	var at, file string
	var live live
	cmd := &cobra.Command{
		Use:   "explain PACKET",
		Short: "Say what becomes of a packet, and why, step by step",
		Long: `Follows the first packet of a flow through the policy that runs, with what its
aliases hold now, or with --file through a policy that need not run and needs no
daemon: then dynamic aliases are empty, and so are lists and names.

A packet is the interface that it comes in by, the protocol, and both ends. Put
it into quotes, for it has a ">" in it. The source port may be left out, ports
may be names of services; TCP flags and an ICMP type stand at the end.

With --down it says what would become of the packet without a gateway; nothing
happens to that. A file is asked as if all its gateways were up.

Nothing is sent: it is the policy that is asked. Whatever becomes of the packet,
the question was answered, and the exit code is 0.

` + liveHelp,
		Example: `  rempart explain "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"
  rempart explain "dmz tcp 10.1.3.9 -> 192.0.2.7:https" --at "2026-11-23 03:00"
  rempart explain "lan udp [2001:db8::9]:5353 -> [2001:db8::1]:domain" --reply
  rempart explain "lan tcp 10.1.2.9 -> 192.0.2.7:https" --down fibre
  rempart explain "dmz icmp 10.1.3.10 -> 10.1.2.9 echo-request" --file new.toml
  rempart explain --live "lan tcp 10.1.2.9 -> 198.51.100.7:443" --count 3`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, "put the packet into quotes, for it is one word: %s", cmd.UseLine())
			}
			return words(1, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := live.check(cmd); err != nil {
				return err
			}
			if live.on {
				return p.explainLive(cmd, live, args[0], q.Reply)
			}
			q.Packet = args[0]
			if _, err := config.ParsePacket(q.Packet); err != nil {
				return usage(cmd, "%v", err)
			}
			var err error
			if q.At, q.Wall, err = instant(at); err != nil {
				return usage(cmd, "--at %v", err)
			}
			question := func(ctx context.Context) (report.Explanation, error) { return p.explainRunning(ctx, q) }
			if cmd.Flags().Changed("file") {
				question = func(context.Context) (report.Explanation, error) { return p.explainFile(file, q) }
			}
			return ask(p, cmd, question, func(e report.Explanation) error {
				p.showExplanation(e)
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&at, "at", "", "as if it were `TIME`: \"2026-11-23 03:00\" where the policy is")
	flags.StringArrayVar(&q.Down, "down", nil, "as if gateway `NAME` were down; may be repeated")
	flags.BoolVar(&q.Reply, "reply", false, "ask about the answer to the packet")
	flags.StringVarP(&file, "file", "f", "", "ask the policy in `FILE` and no daemon; \"-\" is standard input")
	live.flags(cmd)
	return p.dataFlags(completed(cmd, 1, p.interfaceWords))
}

// explainRunning asks the daemon. Who has none is told that a file will do.
func (p *program) explainRunning(ctx context.Context, q report.Question) (report.Explanation, error) {
	e, err := p.daemon().Explain(ctx, q)
	if errors.Is(err, web.ErrNoDaemon) {
		return e, fmt.Errorf("%w, or ask a policy that does not run: --file %s", err, filepath.Join(p.config, policyFile))
	}
	return e, err
}

// explainFile asks the policy in a file.
func (p *program) explainFile(file string, q report.Question) (report.Explanation, error) {
	d, err := p.draftFrom(file, p.in)
	if err != nil {
		return report.Explanation{}, err
	}
	c, err := parse(d)
	if err != nil {
		return report.Explanation{}, err
	}
	return firewall.ExplainPolicy(c, q, p.now())
}

// showExplanation prints what becomes of a packet.
func (p *program) showExplanation(e report.Explanation) {
	for _, line := range explain.Text(e, p.width) {
		p.printf("%s\n", line)
	}
	if e.Unknown != "" {
		p.printf("\n")
		p.warn([]string{"the answer hangs on what is not known here: " + e.Unknown})
	}
}

// instant reads a time, and says whether it is one on the wall: without a zone
// it is meant in that of the policy.
func instant(s string) (at time.Time, wall bool, err error) {
	if s == "" {
		return time.Time{}, false, nil
	}
	if at, err = time.Parse(time.RFC3339, s); err == nil {
		return at, false, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if at, err = time.Parse(layout, s); err == nil {
			return at, true, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%q: want a time such as \"2026-11-23 03:00\" or \"2026-11-23T03:00:00+01:00\"", s)
}

// interfaceWords are the interfaces of the policy that runs, with which a packet begins.
func (p *program) interfaceWords(ctx context.Context) ([]string, error) {
	s, err := p.daemon().Status(ctx)
	list := make([]string, 0, len(s.Interfaces))
	for _, i := range s.Interfaces {
		list = append(list, cobra.CompletionWithDesc(i.Name, i.Device))
	}
	return list, err
}
