package explain

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// Text writes an explanation for people, a line each: the verdict first and
// last, the steps between. Lines are broken at width columns where words allow;
// 0 breaks none.
//
//	pass    lan tcp 10.1.2.9:40000 -> 198.51.100.7:443
//	        rule lan-out passes it (line 82)
//	        at Mon 2026-11-23 12:00:00 CET
//
//	  + flow      a SYN begins a flow
//	  ~ outbound  10.1.2.9:40000 -> 203.0.113.2:40000 (nat.outbound, line 130)
//
//	pass    it leaves by wan to fibre 203.0.113.1
//	        as 203.0.113.2:40000 -> 198.51.100.7:443
//
// The mark before a step says what it did: + let the packet go on, ~ changed it, x stopped it.
func Text(e report.Explanation, width int) []string {
	b := &book{width: width}
	packet := e.Packet
	if e.Reply {
		packet = "reply to " + packet
	}
	b.line(verdictColumn(e.Verdict), packet)
	b.line(verdictColumn(""), e.Why+where("", lineOf(e)))
	at := "at " + e.At.Format("Mon 2006-01-02 15:04:05 MST")
	if len(e.Down) > 0 {
		at += ", if " + isDown(e.Down)
	}
	b.line(verdictColumn(""), at)
	b.line("", "")
	for _, s := range e.Steps {
		b.step(s)
	}
	b.line("", "")
	head := verdictColumn(e.Verdict)
	for _, l := range ending(e) {
		b.line(head, l)
		head = verdictColumn("")
	}
	return b.lines
}

// isDown says that gateways are down.
func isDown(names []string) string {
	if len(names) == 1 {
		return names[0] + " is down"
	}
	return strings.Join(names, " and ") + " are down"
}

// book collects lines.
type book struct {
	width int
	lines []string
}

// line adds text behind a head, broken into as many lines as it needs.
func (b *book) line(head, text string) { b.hanging(head, text, len(head)) }

// hanging adds text whose further lines begin at a column.
func (b *book) hanging(head, text string, column int) {
	for _, part := range broken(text, b.width-max(len(head), column)) {
		b.lines = append(b.lines, strings.TrimRight(head+part, " "))
		head = strings.Repeat(" ", column)
	}
}

// narrowest is the least room that text is broken for.
const narrowest = 20

// broken is text in parts of at most so many columns.
func broken(text string, room int) []string {
	if room < narrowest || len(text) <= room {
		return []string{text}
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > room:
			out, line = append(out, line), word
		default:
			line += " " + word
		}
	}
	return append(out, line)
}

// step adds a step, what it has to say beside, and the rules that came close.
func (b *book) step(s report.Step) {
	mark := map[report.StepResult]string{report.ResultPassed: "+", report.ResultChanged: "~", report.ResultStopped: "x"}[s.Result]
	b.line(fmt.Sprintf("  %1s %-9s ", mark, s.Name), s.Text+where(settingText(s), placeOf(s.File, s.Line)))
	indent := strings.Repeat(" ", len("  + outbound  "))
	for _, d := range s.Details {
		b.line(indent, d)
	}
	if s.Tried == 0 {
		return
	}
	verb := "do"
	if s.Tried == 1 {
		verb = "does"
	}
	tried := count(s.Tried, "rule") + " before it " + verb + " not match"
	if s.Result == report.ResultStopped && s.Setting == "" {
		tried = "of " + count(s.Tried, "rule")
	}
	if len(s.Misses) > 0 {
		tried += "; the closest:"
	}
	b.line(indent, tried)
	for _, m := range s.Misses {
		b.hanging(indent+"  ", fmt.Sprintf("%s (line %d): %s", m.Rule, m.Line, strings.Join(m.Why, "; ")), len(indent)+4)
	}
}

// settingText is what makes a step so, where its text does not name it.
func settingText(s report.Step) string {
	switch s.Name {
	case report.StepRules, report.StepLimits, report.StepGateway:
		return ""
	}
	return s.Setting
}

// where writes a setting and its place in brackets.
func where(setting, place string) string {
	switch {
	case setting == "" && place == "":
		return ""
	case setting == "" || place == "":
		return " (" + setting + place + ")"
	}
	return " (" + setting + ", " + place + ")"
}

// nodeFile is the node's own file; a line without a name is one of the policy.
const nodeFile = "node.toml"

func placeOf(file string, line int) string {
	switch {
	case line == 0:
		return ""
	case path.Base(file) == nodeFile:
		return fmt.Sprintf("%s line %d", nodeFile, line)
	}
	return fmt.Sprintf("line %d", line)
}

// lineOf is where the verdict's reason stands.
func lineOf(e report.Explanation) string {
	for _, s := range e.Steps {
		if s.Line == e.Line {
			return placeOf(s.File, s.Line)
		}
	}
	return ""
}

func verdictColumn(verdict string) string { return fmt.Sprintf("%-8s", verdict) }

// ending says what becomes of the packet in the end.
func ending(e report.Explanation) []string {
	switch e.Verdict {
	case config.Block.String():
		return []string{"it is dropped, and its sender hears nothing"}
	case config.Reject.String():
		return []string{"it is dropped, and its sender is told"}
	}
	if e.Self {
		return []string{"the gateway takes it"}
	}
	if len(e.Ways) == 0 {
		return []string{"it leaves" + by(e.Interface, e.Gateway, e.Via), "as " + leaves(e.Source, e.Destination)}
	}
	out := []string{"it leaves by one of these ways:"}
	for _, w := range e.Ways {
		out = append(out, strings.TrimSpace(by(w.Interface, w.Gateway, w.Via))+", as "+leaves(w.Source, e.Destination))
	}
	return out
}

// by names a way.
func by(iface, gateway string, via netip.Addr) string {
	out := ""
	if iface != "" {
		out += " by " + iface
	}
	if gateway != "" {
		out += " to " + gateway
	}
	if via.IsValid() {
		out += " " + via.String()
	}
	return out
}

// leaves writes the two ends of a packet that leaves.
func leaves(source, destination netip.AddrPort) string {
	from := "the interface's address"
	if source.Addr().IsValid() {
		from = ported(source)
	}
	return from + " -> " + ported(destination)
}

// ported is an address, with its port if it has one.
func ported(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
