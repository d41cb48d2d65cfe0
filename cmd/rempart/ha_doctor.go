package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haDoctorCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "doctor",
		Short: "Examine what a pair stands on",
		Long: `Examines on each network whether multicast and unicast reach the peer in both
families, whether own frames come back, whether somebody else speaks CARP or
has the same vhid, whether the peer believes announcements, how large frames on
the cable may be, and whether clocks and kernel limits of the nodes agree. Each
finding is printed as it comes, with what to do about it. Nothing is changed.

It ends with 1 when something is bad. With --json every finding is one line.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd) },
	})
}

func (p *program) doctor(cmd *cobra.Command) error {
	counts := make(map[view.Result]int)
	done := p.busy("examining")
	defer func() { done() }()
	err := p.daemon().Doctor(cmd.Context(), func(f view.Finding) error {
		done()
		defer func() { done = p.busy("examining") }()
		counts[f.Result]++
		if p.json {
			e := json.NewEncoder(p.out)
			e.SetEscapeHTML(false)
			return e.Encode(f)
		}
		p.showFinding(f)
		return nil
	})
	done()
	done = func() {}
	if err != nil {
		return err
	}
	if !p.json {
		p.printf("\n%s\n", summary(counts))
	}
	if n := counts[view.Bad]; n > 0 {
		return wrong("%s failed", plural(n, "check"))
	}
	return nil
}

// showFinding prints a finding, and what to do about it below.
func (p *program) showFinding(f view.Finding) {
	inks := map[view.Result]ink{view.Good: good, view.Doubt: odd, view.Bad: bad, view.Skipped: faint}
	const width = len(view.Doubt) + 2
	what := f.Check
	if f.On != "" {
		what += " on " + f.On
	}
	p.sentence(cell{fmt.Sprintf("%-*s", width, f.Result), inks[f.Result]}, cell{what, strong}, remark(f.Text))
	if f.Remedy != "" {
		p.hanging(text(strings.Repeat(" ", width)+"> "), f.Remedy)
	}
}

// summary is how many findings were of each kind.
func summary(counts map[view.Result]int) string {
	var parts []string
	for _, r := range []view.Result{view.Good, view.Doubt, view.Bad, view.Skipped} {
		if counts[r] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[r], r))
		}
	}
	if len(parts) == 0 {
		return "There was nothing to examine."
	}
	return strings.Join(parts, ", ") + "."
}
