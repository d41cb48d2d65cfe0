package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// live is what `explain --live` is asked beside the flow.
type live struct {
	on      bool
	verbose bool
	wait    time.Duration
	count   int
}

const liveHelp = `With --live the packet is not imagined: real packets are followed through the
running kernel, until --count of them were seen or the time --for is up. Of
what is written then, every part may be missing or "any" but the arrow;
addresses may be networks or ranges, ports ranges, and the interface "self"
for what the gateway itself sends. With --reply the answers to such packets are
followed. At most five packets a second are, so that a busy flow costs little.`

func (l *live) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&l.on, "live", false, "follow real packets through the running kernel")
	flags.DurationVar(&l.wait, "for", 30*time.Second, "with --live, wait for packets for `TIME`")
	flags.IntVar(&l.count, "count", 1, "with --live, follow `N` packets")
	flags.BoolVar(&l.verbose, "verbose", false, "with --live, show also steps that only lead on")
}

// check refuses flags that do not go together.
func (l *live) check(cmd *cobra.Command) error {
	of := func(names ...string) string {
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				return name
			}
		}
		return ""
	}
	if !l.on {
		if name := of("for", "count", "verbose"); name != "" {
			return usage(cmd, "--%s goes with --live", name)
		}
		return nil
	}
	if name := of("at", "file", "down"); name != "" {
		return usage(cmd, "--live and --%s do not go together: what is followed runs now", name)
	}
	if l.wait < time.Second {
		return usage(cmd, "--for %s: want at least 1s", l.wait)
	}
	if l.count < 1 {
		return usage(cmd, "--count %d: want at least 1", l.count)
	}
	return nil
}

// explainLive follows real packets and prints each as it is known.
func (p *program) explainLive(cmd *cobra.Command, l live, flow string, reply bool) error {
	q := report.LiveQuestion{Flow: flow, Reply: reply, Seconds: int(l.wait / time.Second), Count: l.count}
	done := p.busy("waiting for packets")
	defer func() { done() }()
	return p.daemon().Live(cmd.Context(), q, func(line report.LiveLine) error {
		done()
		defer func() {
			if done = func() {}; line.End == nil {
				done = p.busy("waiting for packets")
			}
		}()
		if p.json {
			e := json.NewEncoder(p.out)
			e.SetEscapeHTML(false)
			return e.Encode(line)
		}
		p.showLive(line, l)
		return nil
	})
}

func (p *program) showLive(line report.LiveLine, l live) {
	switch {
	case line.Packet != nil:
		p.showPacket(*line.Packet, l.verbose)
	case line.End != nil:
		if line.End.Packets == 0 {
			p.behind("", fmt.Sprintf("no packet in %s: %s", span(l.wait), line.End.Hint))
		}
		if line.End.Lost {
			p.warn([]string{"the kernel had more to tell than was read in time: some packets, or steps of them, are missing"})
		}
	}
}

// verdictColumn is how wide a verdict is, with what keeps it apart.
const verdictColumn = len("unknown ")

// showPacket prints a packet: the verdict first and last, the steps between.
func (p *program) showPacket(k report.LivePacket, verbose bool) {
	inks := map[string]ink{"pass": good, "block": bad, "reject": bad}
	verdict := p.paint(inks[k.Verdict], fmt.Sprintf("%-*s", verdictColumn-1, k.Verdict)) + " "
	indent := strings.Repeat(" ", verdictColumn)
	from := named(k.InName, k.In)
	if k.In == "" {
		from = "self"
	}
	p.printf("%s%s %s\n", verdict, from, k.Packet)
	p.behind(indent, k.Why)
	p.printf("%sat %s\n\n", indent, k.Time.In(p.location).Format("2006-01-02 15:04:05.000 MST"))
	chains := 0
	for _, s := range k.Steps {
		if s.Note != "" || verbose {
			chains = max(chains, columnsOf(chainOf(s)))
		}
	}
	for _, s := range k.Steps {
		if s.Note != "" || verbose {
			p.showLiveStep(s, k.Verdict != "pass" && s.Note == k.Why, chains)
		}
	}
	if k.Lost {
		p.printf("  ? some of its steps were not told\n")
	}
	p.printf("\n")
	if k.Verdict != "pass" {
		return
	}
	switch {
	case k.Out == "":
		p.printf("%sthe gateway takes it\n", verdict)
	case k.Gateway != "":
		p.printf("%sit leaves by %s, gateway %s\n", verdict, named(k.OutName, k.Out), k.Gateway)
	default:
		p.printf("%sit leaves by %s\n", verdict, named(k.OutName, k.Out))
	}
	p.printf("%sas %s\n\n", indent, k.Left)
}

// showLiveStep prints a step. The mark before it says what it did: + let the
// packet go on, ~ changed it, x stopped it.
func (p *program) showLiveStep(s report.LiveStep, stopped bool, chains int) {
	mark := "+"
	switch {
	case s.Note == "":
		mark = " "
	case stopped:
		mark = "x"
	case s.Packet != "":
		mark = "~"
	}
	text := s.Note
	if text == "" {
		text = ledOn(s)
	}
	if s.Setting != "" {
		text += " (" + s.Setting + ")"
	}
	p.behind(fmt.Sprintf("  %s %-*s  ", mark, chains, chainOf(s)), text)
	if s.Packet != "" {
		p.printf("%s  now %s\n", strings.Repeat(" ", len("  + ")+chains), s.Packet)
	}
}

// chainOf is where a step took place.
func chainOf(s report.LiveStep) string {
	switch {
	case s.Chain == "":
		return s.Table
	case s.Foreign:
		return s.Table + " " + s.Chain
	}
	return s.Chain
}

// ledOn is what a step says that nothing is noted of.
func ledOn(s report.LiveStep) string {
	switch {
	case s.Kind == "policy":
		return "policy " + s.Verdict
	case s.Kind == "return" && s.Number == 0:
		return "end of the chain"
	case s.Text != "":
		return fmt.Sprintf("rule %d: %s", s.Number, s.Text)
	}
	return fmt.Sprintf("rule handle %d: %s", s.Handle, s.Verdict)
}

// behind prints a text behind a head, broken into as many lines as it needs.
func (p *program) behind(head, text string) {
	lines := []string{text}
	if room := p.width - len(head); room > 0 {
		lines = wrap(text, room)
	}
	p.printf("%s%s\n", head, strings.Join(lines, "\n"+strings.Repeat(" ", len(head))))
}

// named is an interface of the policy with its device, or the device alone.
func named(name, device string) string {
	if name == "" || name == device {
		return device
	}
	return name + " (" + device + ")"
}
