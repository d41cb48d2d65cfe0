package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haDiffCommand(p *program) *cobra.Command {
	var merged bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare the policies of both nodes, object by object",
		Long: `Says of each rule, alias and table of the policy what either node did to it
since both ran the same, with the difference of its text, and what to type:
when one node merely lacks what the other has, or when both were edited.

With --merged the policy with the changes of both is printed to standard
output. What both changed stands in it twice, between marks as of diff3(1), and
the command ends with 1: edit that, and give it to "rempart ha resolve".`,
		Example: `  rempart ha diff
  rempart ha diff --merged > both.toml`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !merged {
				return ask(p, cmd, p.daemon().PolicyDiff, p.showPolicyDiff)
			}
			if p.json {
				return usage(cmd, "--merged and --json do not go together")
			}
			done := p.busy("waiting for the daemon")
			d, err := p.daemon().PolicyDiff(cmd.Context())
			done()
			if err != nil {
				return err
			}
			return p.printMerged(d)
		},
	}
	cmd.Flags().BoolVar(&merged, "merged", false, "print the policy with the changes of both nodes")
	return p.dataFlags(cmd)
}

// printMerged prints what both nodes could run.
func (p *program) printMerged(d view.PolicyDiff) error {
	switch {
	case !d.Conflict:
		return wrong("there is nothing to merge: %s", standing(d))
	case len(d.Merged) > 0:
		_, err := p.out.Write(d.Merged)
		return err
	}
	if _, err := p.out.Write(d.Draft); err != nil {
		return err
	}
	return wrong("%s for you to choose: edit the text, and `rempart ha resolve FILE`", marked(conflicts(d)))
}

func marked(n int) string {
	if n == 1 {
		return "1 object is marked"
	}
	return plural(n, "object") + " are marked"
}

// conflicts is how many objects both nodes changed.
func conflicts(d view.PolicyDiff) int {
	n := 0
	for _, o := range d.Objects {
		if o.Conflict {
			n++
		}
	}
	return n
}

// showPolicyDiff shows what each node did, and what can be done about it.
func (p *program) showPolicyDiff(d view.PolicyDiff) error {
	if d.Own.ID == d.Peer.ID && d.Own.ID != "" {
		p.hanging(text(""), fmt.Sprintf("No difference: both nodes run %s.", p.describeRevision(d.Own)))
		return nil
	}
	base := "nothing: they were made apart"
	if d.Base.ID != "" {
		base = p.describeRevision(d.Base)
	}
	p.hanging(text("here   "), p.describeRevision(d.Own))
	p.hanging(text("there  "), p.describeRevision(d.Peer))
	p.hanging(text("from   "), base)
	p.printf("\n")
	if err := p.showObjects(d); err != nil {
		return err
	}
	for _, o := range d.Objects {
		p.showObject(o)
	}
	p.printf("\n")
	p.warn(d.Notes)
	p.hanging(text(""), advice(d))
	return nil
}

// describeRevision is a revision in one line.
func (p *program) describeRevision(r view.Revision) string {
	if r.ID == "" {
		return "nothing"
	}
	name := "revision of hash " + short(r.Hash) // of which this node has no number
	if r.Number > 0 {
		name = fmt.Sprintf("revision %d (%s)", r.Number, short(r.Hash))
	}
	who := r.Author
	if r.Origin != "" {
		who += " on " + r.Origin
	}
	return fmt.Sprintf("%s, by %s at %s%s", name, who, p.when(r.Time), remark(r.Message))
}

// showObjects is what each node did to each object.
func (p *program) showObjects(d view.PolicyDiff) error {
	columns := []column{left("OBJECT"), left("HERE"), left("THERE")}
	contested := conflicts(d) > 0
	if contested {
		columns = append(columns, left(""))
	}
	t := newTable(columns...)
	for _, o := range d.Objects {
		row := []cell{text(o.Object), changeCell(o.Ours), changeCell(o.Theirs)}
		if contested {
			row = append(row, cell{map[bool]string{true: "conflict"}[o.Conflict], bad})
		}
		t.add(row...)
	}
	return p.print(t, "No object differs, only how the texts are written.")
}

// changeCell is what a node did to an object.
func changeCell(c view.Change) cell {
	inks := map[view.Change]ink{view.Added: good, view.Removed: bad, view.Changed: odd, view.Moved: mark}
	if c == view.Unchanged {
		return cell{"-", faint}
	}
	return cell{string(c), inks[c]}
}

// showObject shows what became of the text of an object on either node.
func (p *program) showObject(o view.ObjectChange) {
	sides := []struct {
		where string
		how   view.Change
		text  string
	}{{"here", o.Ours, o.OursText}, {"there", o.Theirs, o.TheirsText}}
	for _, side := range sides {
		diff := objectDiff(o.Base, side.text)
		if side.how == view.Unchanged || diff == "" {
			continue
		}
		p.printf("\n%s, %s %s\n", p.paint(strong, o.Object), side.how, side.where)
		p.showDiff(diff)
	}
}

// objectDiff is the difference of two short texts. Where in them a hunk stands, nobody asks.
func objectDiff(a, b string) string {
	lines := slices.Collect(strings.Lines(config.Diff([]byte(a), []byte(b))))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "@@") }), "")
}

// standing says how two policies stand that are not in conflict.
func standing(d view.PolicyDiff) string {
	switch {
	case d.Own.ID == d.Peer.ID:
		return "both nodes run the same policy"
	case d.Base.ID == d.Own.ID:
		return "this node is behind, `rempart ha pull` gets what it lacks"
	}
	return "the other node is behind, `rempart ha push` gives it what it lacks"
}

// choices is what to type where a text with the changes of both needs a person.
const choices = "`rempart ha diff --merged > FILE` writes a text with marks: edit it, and `rempart ha resolve FILE`. " +
	"`rempart ha resolve ours` runs the policy of this node on both, `theirs` that of the other."

// advice says what to type.
func advice(d view.PolicyDiff) string {
	switch n := conflicts(d); {
	case !d.Conflict:
		said := standing(d)
		return strings.ToUpper(said[:1]) + said[1:] + "; it would catch up by itself."
	case len(d.Merged) > 0:
		return "Both nodes were edited, and no object on both: `rempart ha resolve merged` runs the changes of both. `rempart ha diff --merged` prints that text; \"ours\" or \"theirs\" in place of \"merged\" runs one side's policy."
	case n == 0:
		return "Both nodes were edited. " + choices
	default:
		return fmt.Sprintf("Both nodes were edited, and %s on both. ", plural(n, "object")) + choices
	}
}
