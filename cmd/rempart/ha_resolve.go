package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

// resolveFlags are the flags of `rempart ha resolve`.
type resolveFlags struct {
	confirm time.Duration
	now     bool
	yes     bool
	force   bool
	message string
}

func haResolveCommand(p *program) *cobra.Command {
	var f resolveFlags
	cmd := &cobra.Command{
		Use:   "resolve ours|theirs|merged|FILE",
		Short: "Decide which policy both nodes run, when both were edited",
		Long: `Makes one policy run on both nodes: that of this node, that of the other, the
one with the changes of both ("merged", when no object was changed by both), or
the text in FILE, such as what "rempart ha diff --merged" printed and you
edited ("-" is standard input). What comes of it is a revision that follows
both, so that nothing of either is lost: "rempart rollback" goes back to it.

Like "rempart apply" it is checked on both nodes first, and with --confirm,
which is the default on a terminal, both go back unless it is confirmed. It is
refused when one of the nodes runs something else by now than what was shown.`,
		Example: `  rempart ha resolve merged -m "both"
  rempart ha diff --merged > both.toml
  rempart ha resolve both.toml`,
		Args: words(1, 1),
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
			r, err := resolution(args[0], p.in)
			if err != nil {
				return err
			}
			r.Message, r.Force, r.Confirm = f.message, f.force, wholeSeconds(f.confirm)
			return p.resolve(cmd.Context(), r, args[0], f)
		},
		ValidArgsFunction: resolveWords,
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.confirm, "confirm", defaultConfirm, "take it back after `TIME` unless confirmed")
	flags.BoolVar(&f.now, "now", false, "keep it at once")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.force, "force", false, "even if it cuts off your own SSH connection")
	flags.StringVarP(&f.message, "message", "m", "", "`TEXT` for the history: why")
	return p.dataFlags(cmd)
}

// resolveWords completes what both nodes may be given: one of three words, or a file.
func resolveWords(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{
		cobra.CompletionWithDesc("ours", "the policy of this node"),
		cobra.CompletionWithDesc("theirs", "the policy of the other node"),
		cobra.CompletionWithDesc("merged", "the changes of both, when they are apart"),
	}, cobra.ShellCompDirectiveDefault
}

// resolution reads what is to be done: one of three words, or a file.
func resolution(what string, in io.Reader) (view.Resolution, error) {
	switch what {
	case "ours", "theirs", "merged":
		return view.Resolution{Take: what}, nil
	}
	if what != "-" {
		f, err := os.Open(what)
		if err != nil {
			return view.Resolution{}, wrong("read policy: %w", err)
		}
		defer f.Close()
		in = f
	}
	policy, err := disk.ReadAll(in, maxFile)
	if err != nil {
		return view.Resolution{}, wrong("read policy: %w", err)
	}
	if len(policy) == 0 {
		return view.Resolution{}, wrong("%s is empty", what)
	}
	if line := markIn(string(policy)); line > 0 {
		return view.Resolution{}, wrong("%s:%d: there is still a mark: choose between what stands around it", what, line)
	}
	return view.Resolution{Policy: policy}, nil
}

// markIn is the first line of a text that diff3(1) would have put there, or 0.
func markIn(policy string) int {
	n := 0
	for line := range strings.Lines(policy) {
		n++
		for _, mark := range []string{"<<<<<<<", "|||||||", ">>>>>>>"} {
			if strings.HasPrefix(line, mark) {
				return n
			}
		}
	}
	return 0
}

// resolve shows what was done to which object, asks, and has it decided.
func (p *program) resolve(ctx context.Context, r view.Resolution, what string, f resolveFlags) error {
	daemon := p.daemon()
	done := p.busy("waiting for the daemon")
	d, err := daemon.PolicyDiff(ctx)
	done()
	switch {
	case err != nil:
		return err
	case !d.Conflict:
		return wrong("there is nothing to decide: %s", standing(d))
	case r.Take == "merged" && len(d.Merged) == 0:
		return wrong("both nodes changed %s: `rempart ha diff --merged > FILE` writes a text in which you choose, `rempart ha resolve FILE` takes it", contested(d))
	}
	if !p.json {
		if err := p.showObjects(d); err != nil {
			return err
		}
		p.printf("\n")
		if r.Take == "merged" {
			p.warn(d.Notes)
		}
	}
	if !f.yes && !p.json && p.asks && !p.agrees(ctx, "Both nodes get %s%s. Decide so?", taken(r.Take, what), within(f.confirm)) {
		return wrong("nothing was decided")
	}
	r.Expect = [2]string{d.Own.ID, d.Peer.ID}
	done = p.busy("applying on both nodes")
	applied, err := daemon.Resolve(ctx, r, report.Caller{})
	done()
	switch {
	case err != nil:
		return err
	case p.json:
		return p.printJSON(applied)
	}
	p.showApplied(applied)
	return nil
}

// contested names what both nodes changed.
func contested(d view.PolicyDiff) string {
	var names []string
	for _, o := range d.Objects {
		if o.Conflict {
			names = append(names, o.Object)
		}
	}
	return listed(names)
}

// taken says what both nodes are to run.
func taken(take, file string) string {
	switch take {
	case "ours":
		return "the policy of this node, without what was changed on the other"
	case "theirs":
		return "the policy of the other node, without what was changed on this one"
	case "merged":
		return "the changes of both"
	}
	return "the policy in " + file
}

// within says until when a change has to be confirmed.
func within(confirm time.Duration) string {
	if confirm == 0 {
		return ", for good"
	}
	return fmt.Sprintf(", to be confirmed within %s", span(confirm))
}
