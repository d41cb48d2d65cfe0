package main

import (
	"slices"
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
is marked with "*".

Of a pair there is a column for the node that made a revision once some came
from the other one, and what decided a conflict is a merge of two.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().History, func(revisions []report.Revision) error {
				s, err := p.daemon().Status(cmd.Context())
				if err != nil {
					return err
				}
				return p.showHistory(revisions, s.Name)
			})
		},
	})
}

// showHistory lists revisions on the node that is called so.
func (p *program) showHistory(revisions []report.Revision, node string) error {
	foreign := slices.ContainsFunc(revisions, func(r report.Revision) bool { return r.Origin != "" && r.Origin != node })
	columns := []column{right("REVISION"), left("KEPT"), left("BY"), left("HASH"), left("MESSAGE")}
	if foreign {
		columns = slices.Insert(columns, 3, left("ON"))
	}
	t := newTable(columns...)
	for _, r := range revisions {
		number := text(strconv.Itoa(r.Number))
		if r.Current {
			number = cell{"* " + number.text, good}
		}
		row := []cell{number, text(p.when(r.Time)), text(r.Author), {short(r.Hash), faint}, revisionMessage(r)}
		if foreign {
			row = slices.Insert(row, 3, madeOn(r, node))
		}
		t.add(row...)
	}
	return p.print(t, "There are no revisions: nothing was applied for good yet.")
}

// revisionMessage is why somebody made a revision, and whether it is a merge.
func revisionMessage(r report.Revision) cell {
	switch {
	case r.Damaged:
		return cell{"damaged: its file cannot be read", bad}
	case len(r.Parents) > 1:
		return text("merge" + remark(r.Message))
	}
	return text(r.Message)
}

// madeOn is the node on which a revision was made.
func madeOn(r report.Revision, node string) cell {
	switch r.Origin {
	case "":
		return cell{"-", faint}
	case node:
		return text(r.Origin)
	}
	return cell{r.Origin, mark}
}
