package main

import (
	"context"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

// defaultConfirm is how long a person at a terminal has to confirm.
const defaultConfirm = time.Minute

// applyFlags are the flags of apply.
type applyFlags struct {
	confirm time.Duration
	now     bool
	dryRun  bool
	yes     bool
	force   bool
	alone   bool
	message string
}

func applyCommand(p *program) *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply [FILE]",
		Short: "Make a policy run, and take it back unless it is confirmed",
		Long: `Checks the policy of the configuration directory, or FILE in place of
rempart.toml, shows what it would change, and makes it run in one transaction.

With --confirm, which is the default on a terminal, the policy before comes
back by itself unless "rempart confirm" is called in time. Confirm from a new
login: only that proves that the way in still works. With --now, which is the
default where nobody sits at a terminal, the policy is kept at once.

A policy that fails a [[test]] of its own is refused, and so is one that would
cut off the SSH connection over which you ask; only the latter can be forced.

Of a pair both nodes check it first and switch at the same moment; a confirm or
a rollback, on either, is of both. When the peer refuses it, nothing is applied,
unless --alone says that this node shall have it all the same. A peer that is
away catches up when it returns.

node.toml is taken from beside FILE, or else from the configuration directory.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("confirm") && f.confirm < time.Second {
				return usage(cmd, "--confirm %s: want at least 1s, or --now", f.confirm)
			}
			if f.now && cmd.Flags().Changed("confirm") {
				return usage(cmd, "--now and --confirm do not go together")
			}
			if f.now || !p.asks && !cmd.Flags().Changed("confirm") {
				f.confirm = 0
			}
			d, err := p.draftOf(args)
			if err != nil {
				return err
			}
			return p.apply(cmd.Context(), d, f)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.confirm, "confirm", defaultConfirm, "take it back after `TIME` unless confirmed")
	flags.BoolVar(&f.now, "now", false, "keep it at once")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would change and stop")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.force, "force", false, "even if it cuts off your own SSH connection")
	flags.BoolVar(&f.alone, "alone", false, "here, even if the other node of the pair refuses it")
	flags.StringVarP(&f.message, "message", "m", "", "`TEXT` for the history: why")
	return p.dataFlags(cmd)
}

// apply shows what a draft would change, and applies just that: when another
// policy came to run in between, the daemon refuses.
func (p *program) apply(ctx context.Context, d report.Draft, f applyFlags) error {
	daemon := p.daemon()
	done := p.busy("checking the policy")
	status, err := daemon.Status(ctx)
	var preview report.Preview
	if err == nil {
		preview, err = daemon.Check(ctx, d, report.Caller{})
	}
	done()
	if err != nil {
		return err
	}
	if f.dryRun && p.json {
		if err := p.printJSON(preview); err != nil {
			return err
		}
	}
	if len(preview.Faults) > 0 {
		return faultsError(preview.Faults)
	}
	if err := mayRunThere(preview.Peer, f.alone); err != nil && !preview.Unchanged {
		return err
	}
	if l := preview.Lockout; l != nil && (f.force || f.dryRun) {
		preview.Warnings = append(preview.Warnings, l.Message)
	}
	if !p.json {
		p.showPreview(preview, status)
	}
	if f.dryRun || preview.Unchanged && !p.json && status.Pending != nil {
		return nil
	}
	if preview.Lockout != nil && !f.force {
		return preview.Lockout
	}
	if !preview.Unchanged && !p.mayApply(ctx, f, preview.Peer) {
		return wrong("nothing was applied")
	}
	done = p.busy("applying")
	applied, err := daemon.Apply(ctx, report.Request{
		Draft: d, Message: f.message, Force: f.force, Confirm: wholeSeconds(f.confirm), Base: status.Hash, Alone: f.alone,
	}, report.Caller{})
	done()
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(applied)
	}
	if !applied.Unchanged {
		p.printf("\n")
		p.showApplied(applied)
	}
	return nil
}

// wholeSeconds is a time to confirm in as the daemon takes it.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func (p *program) mayApply(ctx context.Context, f applyFlags, peer *report.PeerReport) bool {
	if f.yes || p.json || !p.asks {
		return true
	}
	where := ""
	switch {
	case peer == nil:
	case peer.State == report.PeerReady:
		where = " on both nodes"
	default:
		where = " on this node alone"
	}
	if f.confirm > 0 {
		return p.agrees(ctx, "Apply this%s, to be confirmed within %s?", where, span(f.confirm))
	}
	return p.agrees(ctx, "Apply this%s for good?", where)
}

// showPreview prints what a draft would change.
func (p *program) showPreview(v report.Preview, s report.Status) {
	if v.Unchanged {
		if s.Pending != nil {
			p.printf("This policy runs and waits for its confirm until %s.\n", p.when(s.Pending.Deadline))
			return
		}
		p.printf("Nothing changes: this policy runs, as revision %d.\n", s.Revision)
		return
	}
	p.showDiff(v.Diff)
	if len(v.Changes) > 0 {
		p.printf("\n%s\n", p.paint(strong, "Beside the ruleset:"))
		for _, c := range v.Changes {
			p.printf("  %s\n", c)
		}
	}
	p.showTraffic(v.Diff, v.Traffic)
	p.showFlowsLost(v.FlowsLost)
	if n := passed(v.Tests); n > 0 {
		p.printf("\n%s of the policy passed.\n", plural(n, "test"))
	}
	if len(v.Warnings) > 0 {
		p.printf("\n")
		p.warn(v.Warnings)
	}
	p.showPeerFirst(v.Peer)
}

// showApplied prints what an apply or a rollback did.
func (p *program) showApplied(a report.Applied) {
	for _, c := range a.Changes {
		p.printf("  %s\n", c)
	}
	if a.FlowsEnded > 0 {
		p.printf("%s ended.\n", plural(a.FlowsEnded, "flow"))
	}
	p.warn(a.Warnings)
	p.showPeerThen(a.Peer)
	switch {
	case !a.Deadline.IsZero():
		p.printf("Applied. It is taken back at %s unless you log in anew and say\n", p.when(a.Deadline))
		p.printf("    %s\n", p.paint(strong, "rempart confirm"))
		p.printf("It must be a new login: only that proves that the way in still works.\n")
	case a.Unchanged:
		p.printf("Nothing changed: this policy runs, as revision %d.\n", a.Revision)
	case a.Revision == 0:
		p.printf("No policy runs now, as before.\n")
	default:
		p.printf("Revision %d runs.\n", a.Revision)
	}
}
