package analysis

import (
	"fmt"
	"math"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/space"
)

// speechText is protocols and what is said of their headers.
func speechText(cube *space.Cube) string {
	var words []string
	add := func(s, all space.Set, before string, text func(space.Set) string) {
		if !s.Covers(all) {
			words = append(words, before+text(s))
		}
	}
	named := cube.Sets[space.Protocol]
	add(named, space.Span(0, math.MaxUint8), "", protocolText)
	add(cube.Sets[space.Port], everyPort, "", func(s space.Set) string {
		for _, p := range []config.Protocol{config.ICMP, config.ICMPv6} {
			if protocols([]config.Protocol{p}).Covers(named) {
				return typeText(p, s)
			}
		}
		return portText(s)
	})
	add(cube.Sets[space.SourcePort], everyPort, "source port ", portText)
	add(cube.Sets[space.Flags], everyFlags, "", flagText)
	return strings.Join(words, " ")
}

func protocolText(s space.Set) string {
	named, rest := points(s), points(space.Span(0, math.MaxUint8).Without(s))
	before := ""
	if len(rest) < len(named) {
		named, before = rest, "any but "
	}
	words := make([]string, len(named))
	for i, n := range named {
		words[i] = config.Protocol(n).String()
	}
	return before + shortened(words)
}

func points(s space.Set) []uint64 {
	var out []uint64
	for _, r := range s {
		for n := r.From.Lo; n <= r.To.Lo; n++ {
			out = append(out, n)
		}
	}
	return out
}

func portText(s space.Set) string {
	return shorter(s, everyPort, func(r space.Range) string {
		return config.PortRange{From: uint16(r.From.Lo), To: uint16(r.To.Lo)}.String()
	})
}

// typeText is types of ICMP or ICMPv6, with their codes where not all are meant.
func typeText(p config.Protocol, s space.Set) string {
	var words []string
	for t := range uint64(math.MaxUint8 + 1) {
		all := space.Span(t<<8, t<<8|math.MaxUint8)
		codes := s.Intersect(all)
		if codes.Equal(all) {
			words = append(words, config.ICMPType{Protocol: p, Type: uint8(t), Code: -1}.String())
			continue
		}
		for _, n := range points(codes) {
			words = append(words, config.ICMPType{Protocol: p, Type: uint8(t), Code: int(n & math.MaxUint8)}.String())
		}
	}
	return shortened(words)
}

// flagText is combinations of TCP flags.
func flagText(s space.Set) string {
	var words []string
	for _, n := range points(s) {
		words = append(words, config.TCPFlags{Mask: flagsAt(n), Value: flagsAt(n)}.String())
	}
	return "with the flags " + strings.Join(words, " or ")
}

// shortened is a list of which only the first few are named.
func shortened(words []string) string {
	if more := len(words) - mostListed; more > 1 {
		words = append(words[:mostListed:mostListed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}
