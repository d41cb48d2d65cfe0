package main

import (
	"strconv"

	"github.com/rempart/rempart/firewall/report"
	"github.com/spf13/cobra"
)

func historyCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "history",
		Short: "List the revisions that were kept, newest first",
		Long: `Each apply that was confirmed, or needed no confirm, is a revision. "rempart
diff" compares them and "rempart rollback" goes back to one. The one that runs
is marked with "*".`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().History, p.showHistory)
		},
	})
}

func (p *program) showHistory(revisions []report.Revision) error {
	t := newTable(right("REVISION"), left("KEPT"), left("BY"), left("HASH"), left("MESSAGE"))
	for _, r := range revisions {
		number, message := text(strconv.Itoa(r.Number)), text(r.Message)
		if r.Current {
			number = cell{"* " + number.text, good}
		}
		if r.Damaged {
			message = cell{"damaged: its file cannot be read", bad}
		}
		t.add(number, text(p.when(r.Time)), text(r.Author), cell{short(r.Hash), faint}, message)
	}
	return p.print(t, "There are no revisions: nothing was applied for good yet.")
}
