package firewall

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
)

// What rules and translations say, each in one line of the policy's own words.

func ruleText(r config.Rule) string {
	var b words
	b.place("from", r.From)
	b.place("to", r.To)
	b.list("protocol", join(r.Protocols))
	b.list("source", join(r.Source))
	b.list("source_port", join(r.SourcePorts))
	b.list("destination", join(r.Destination))
	b.list("port", join(r.Ports))
	b.list("icmp", join(r.ICMP))
	if r.TCPFlags != nil {
		b.list("tcp_flags", r.TCPFlags.String())
	}
	b.list("gateway", r.Gateway)
	return b.String()
}

func forwardText(p config.PortForward) string {
	var b words
	b.list("on", p.On)
	b.list("source", join(p.Source))
	b.list("destination", join(p.Destination))
	b.list("protocol", join(p.Protocols))
	b.list("port", join(p.Ports))
	if p.Exclude {
		return b.String() + " stays as it is"
	}
	b.list("->", targetText(p))
	if p.TargetPort != 0 {
		b.list("port", fmt.Sprint(p.TargetPort))
	}
	if p.Spread > config.SpreadSource {
		b.list("spread", p.Spread.String())
	}
	if p.Check != nil {
		b.list("check", checkText(*p.Check))
	}
	return b.String()
}

func outboundText(o config.Outbound) string {
	var b words
	b.list("on", o.On)
	b.list("source", join(o.Source))
	b.list("destination", join(o.Destination))
	b.list("protocol", join(o.Protocols))
	b.list("source_port", join(o.SourcePorts))
	b.list("port", join(o.Ports))
	if o.Exclude {
		return b.String() + " stays as it is"
	}
	if o.Address.IsValid() {
		b.list("as", o.Address.String())
	}
	b.list("as", join(o.Pool))
	if len(o.Pool) > 0 && o.Spread != config.SpreadRoundRobin {
		b.list("spread", o.Spread.String())
	}
	if o.Translated != (config.PortRange{}) {
		b.list("translated_ports", o.Translated.String())
	}
	if o.StaticPort {
		b.list("static_port", "true")
	}
	return b.String()
}

// targetText is the targets of a port forward with the shares of those that have them.
func targetText(p config.PortForward) string {
	if len(p.Weights) != len(p.Target) {
		return join(p.Target)
	}
	out := make([]string, len(p.Target))
	for i, t := range p.Target {
		out[i] = fmt.Sprintf("%s*%d", t, p.Weights[i])
	}
	return strings.Join(out, ",")
}

// checkText is how targets are asked whether they live, as the policy has it.
func checkText(c config.TargetCheck) string {
	text := c.Kind.String()
	if c.Port != 0 {
		text += fmt.Sprintf(":%d", c.Port)
	}
	return text + " every " + config.FormatDuration(c.Interval)
}

func limitsText(l config.Limits) string {
	var b words
	number := func(key string, n int) {
		if n > 0 {
			b.list(key, fmt.Sprint(n))
		}
	}
	number("flows", l.Flows)
	number("flows_per_source", l.FlowsPerSource)
	if l.RatePerSource.Count > 0 {
		b.list("rate_per_source", l.RatePerSource.String())
	}
	b.list("overload", l.Overload)
	return b.String()
}

// words builds a line of keys and values.
type words []string

func (w *words) list(key, value string) {
	if value != "" {
		*w = append(*w, key, value)
	}
}

func (w *words) place(key string, p config.Place) {
	if p.Kind != config.PlaceAny {
		w.list(key, p.String())
	}
}

func (w words) String() string { return strings.Join(w, " ") }

// join writes a list as the policy does, without blanks: it is one word of a line.
func join[T fmt.Stringer](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return strings.Join(out, ",")
}
