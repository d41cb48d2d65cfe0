package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/spf13/cobra"
)

func showLogCommand(p *program) *cobra.Command {
	var follow bool
	var most int
	cmd := &cobra.Command{
		Use:   "log [WORD...]",
		Short: "The packets that were logged, and why",
		Long: `Prints the newest entries of the packet log that the words select, oldest
first. Words come in pairs of which every one must hold; a value may list
several with commas:

  rule NAME       action pass|block|reject    host ADDRESS    src ADDRESS|PREFIX
  reason CAUSE    on INTERFACE                net PREFIX      dst ADDRESS|PREFIX
  port N|N-M      proto NAME|NUMBER

With --json every entry is one line.`,
		Example: `  rempart show log -f action block on wan
  rempart show log -n 100 host 10.1.2.9`,
		RunE: func(cmd *cobra.Command, words []string) error {
			if most < 0 || most > mostEntries {
				return usage(cmd, "-n %d: want a number from 0 to %d", most, mostEntries)
			}
			if follow {
				return p.followLog(cmd.Context(), words, most)
			}
			return p.printLog(cmd.Context(), words, most)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the entries that come, until interrupted")
	cmd.Flags().IntVarP(&most, "lines", "n", 20, "begin with the `N` newest")
	return p.dataFlags(cmd)
}

// mostEntries is how many entries of the log one question may ask for.
const mostEntries = 100_000

func (p *program) printLog(ctx context.Context, words []string, most int) error {
	_, err := p.tail(ctx, words, most)
	return err
}

// tail prints the newest entries and says of when the last one is.
func (p *program) tail(ctx context.Context, words []string, most int) (last time.Time, err error) {
	if most == 0 {
		return last, nil
	}
	done := p.busy("waiting for the daemon")
	entries, err := p.daemon().Log(ctx, words, most)
	done()
	if err != nil {
		return last, err
	}
	for _, e := range entries {
		if err := p.printEntry(e); err != nil {
			return last, err
		}
		last = e.Time
	}
	return last, nil
}

// followLog listens before it looks back, so that no entry falls in between.
func (p *program) followLog(ctx context.Context, words []string, most int) error {
	entries, err := p.daemon().Follow(ctx, words)
	if err != nil {
		return err
	}
	last, err := p.tail(ctx, words, most)
	if err != nil {
		return err
	}
	for e := range entries {
		if !e.Time.After(last) {
			continue
		}
		if err := p.printEntry(e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("the daemon went away, the log ends here")
}

func (p *program) printEntry(e packetlog.Entry) error {
	w := bufio.NewWriter(p.out)
	if p.json {
		if err := json.NewEncoder(w).Encode(e); err != nil {
			return err
		}
		return w.Flush()
	}
	inks := map[packetlog.Action]ink{packetlog.Pass: good, packetlog.Block: bad, packetlog.Reject: bad}
	e.Time = e.Time.In(p.location)
	w.WriteString(p.paint(inks[e.Reason.Action], e.String()) + "\n")
	return w.Flush()
}
