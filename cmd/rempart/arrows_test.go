package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rempart/rempart/"

// arrows returns who may import whom, every package of the module with the
// packages of the module that it may import.
//
// Why it is kept: a policy goes one way, from text to kernel, and each package
// below knows nothing of those above, so each can be read and tested alone.
//
//	cmd/rempart ──┬─► web ────────────────────────────────────────────────────────┐
//	              └─► firewall ──┬─► explain ──► nat ──┬─► rules ──┬─► schedules ─┤
//	                             ├─► analysis ─────────┘           │              ├─► config
//	                             ├─► feeds, trace ─────────────────┼──────────────┘
//	                             └─────────────────────────────────┴─► dispatch ──► space, firewall/nft
//	cmd/rempart ────► ha ──┬─► carp, pulse, role, wire, peer, hooks, lists, vmac, view
//	                       ├─► flowsync ──► flowwire ──► conntrack
//	                       ├─► flowdiff ───────────────► conntrack
//	cmd/rempart ────► ha/pairing, ha/configsync ──► config/pieces, config
//	                       └─► config
//
// The pair meets the gateway in cmd alone. Here explain, feeds and trace are in firewall, and analysis, dispatch and space
// in rules. Below lie firewall/flows, links, packetlog and report, which know
// nothing of one another, and disk, which keeps files whole.
//
// A package that is not here is a decision that nobody took yet: add it with
// what it needs. Nothing imports cmd. lab makes networks for tests and for the
// demo, so only tests and cmd import it.
func arrows() map[string][]string {
	return map[string][]string{
		"config":             {"disk"},
		"config/pieces":      nil,
		"disk":               nil,
		"firewall/flows":     nil,
		"firewall/links":     {"disk"},
		"firewall/nft":       nil,
		"firewall/packetlog": nil,
		"firewall/report":    nil,
		"lab":                nil,
		"schedules":          {"config"},
		"firewall/feeds":     {"config", "disk"},
		"rules/space":        nil,
		"rules/dispatch":     {"firewall/nft", "rules/space"},
		"rules/steer":        {"config"},
		"firewall/gateways":  {"config", "disk", "rules/steer"},
		"rules":              {"config", "schedules", "firewall/nft", "firewall/packetlog", "rules/dispatch", "rules/space", "rules/steer"},
		"rules/analysis":     {"config", "rules", "rules/space", "rules/steer", "schedules", "firewall/packetlog"},
		"firewall/trace":     {"config", "firewall/nft", "firewall/packetlog", "firewall/report"},
		"firewall/explain":   {"config", "firewall/packetlog", "firewall/report", "nat", "rules", "rules/steer", "schedules"},
		"nat":                {"config", "firewall/nft", "firewall/packetlog", "rules", "rules/steer"},
		"firewall": {
			"config", "config/pieces", "disk", "schedules", "rules", "nat", "firewall/feeds", "firewall/flows",
			"firewall/links", "firewall/nft", "firewall/packetlog", "firewall/report",
			"firewall/explain", "firewall/gateways", "firewall/trace", "rules/analysis", "rules/steer",
		},
		"ha/applying":    nil,
		"ha/carp":        nil,
		"ha/configsync":  {"config", "config/pieces", "ha/peer", "ha/view"},
		"ha/conntrack":   nil,
		"ha/failover":    nil,
		"ha/flowdiff":    {"ha/conntrack", "ha/view"},
		"ha/flowsync":    {"ha/conntrack", "ha/flowwire", "ha/view"},
		"ha/flowwire":    {"ha/conntrack"},
		"ha/hooks":       nil,
		"ha/lists":       nil,
		"ha/onepolicy":   nil,
		"ha/pairing":     {"disk"},
		"ha/peer":        nil,
		"ha/pulse":       nil,
		"ha/replication": nil,
		"ha/role":        nil,
		"ha/scenario":    nil,
		"ha/survival":    nil,
		"ha/view":        nil,
		"ha/vmac":        nil,
		"ha/wire":        nil,
		"ha": {
			"config", "disk", "ha/carp", "ha/conntrack", "ha/flowdiff", "ha/flowsync", "ha/hooks", "ha/lists", "ha/peer", "ha/pulse",
			"ha/role", "ha/view", "ha/vmac", "ha/wire",
		},
		"web": {"config", "firewall/flows", "firewall/packetlog", "firewall/report", "ha/view"},
		"cmd/rempart": {
			"config", "config/pieces", "disk", "firewall", "firewall/feeds", "firewall/flows", "firewall/links", "firewall/nft",
			"firewall/packetlog", "firewall/report", "firewall/explain", "firewall/gateways", "ha", "ha/configsync", "ha/flowdiff", "ha/flowsync", "ha/flowwire", "ha/lists", "ha/pairing", "ha/peer", "ha/pulse", "ha/view", "ha/vmac", "ha/wire", "lab", "rules", "web",
		},
	}
}

// effects are the imports by which a program touches the machine. They stand in
// files named kernel*.go and nowhere else, so that a reader finds every effect
// by the names of the files and everything else is tested without root.
func effects() []string {
	return []string{
		"github.com/florianl/go-conntrack", "github.com/florianl/go-nflog/v2", "github.com/google/nftables",
		"github.com/mdlayher/netlink", "github.com/vishvananda/netlink", "github.com/vishvananda/netns", "os/exec",
	}
}

// pure are the files that use no more than the types of such a package: they
// turn our values into its values, and it is kernel.go that sends them.
func pure() map[string][]string {
	return map[string][]string{
		"firewall/nft/encode*.go":     {"github.com/google/nftables"},
		"firewall/links/convert.go":   {"github.com/vishvananda/netlink"},
		"firewall/links/*_message.go": {"github.com/vishvananda/netlink", "github.com/mdlayher/netlink"},
		"firewall/links/renewal.go":   {"github.com/vishvananda/netlink"},
	}
}

// source is a Go file of the module.
type source struct {
	file    string // its path from the top of the module
	imports []string
	outside bool // a test that stands outside of its package: package explain_test
}

func (s source) room() string { return path.Dir(s.file) }

func (s source) isTest() bool { return strings.HasSuffix(s.file, "_test.go") }

func sources(t *testing.T) []source {
	t.Helper()
	const top = "../.."
	var all []source
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != top && strings.HasPrefix(d.Name(), "."), d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		s := source{file: filepath.ToSlash(relative), outside: strings.HasSuffix(f.Name.Name, "_test")}
		for _, i := range f.Imports {
			of, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, of)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestArrows keeps what arrows says, file by file: what a package may reach
// through others follows from what each of them may import.
func TestArrows(t *testing.T) {
	may := arrows()
	seen := make(map[string]bool)
	taken := make(map[[2]string]bool)
	for _, s := range sources(t) {
		allowed, known := may[s.room()]
		if !known && !seen[s.room()] {
			t.Errorf("%s: the package is not in arrows: say what it may import", s.room())
		}
		seen[s.room()] = true
		for _, i := range s.imports {
			of, ours := strings.CutPrefix(i, module)
			taken[[2]string{s.room(), of}] = true
			switch {
			case !ours || !known || slices.Contains(allowed, of):
			case s.isTest() && (of == "lab" || of == s.room()):
			case s.isTest() && s.outside: // it holds a package against the whole that is built on it
			default:
				t.Errorf("%s imports %s, and %s may import %v", s.file, of, s.room(), allowed)
			}
		}
	}
	for room, allowed := range may {
		if !seen[room] {
			t.Errorf("%s is in arrows and nowhere else", room)
		}
		for _, of := range allowed {
			if !taken[[2]string{room, of}] {
				t.Errorf("%s needs no arrow to %s any more", room, of)
			}
		}
	}
}

// TestEffectsStandInKernelFiles keeps what effects says. Tests, the lab and the
// commands are free: they touch the machine because that is what they are for.
func TestEffectsStandInKernelFiles(t *testing.T) {
	needed := make(map[string]bool)
	for _, s := range sources(t) {
		if s.isTest() || s.room() == "lab" || strings.HasPrefix(s.file, "cmd/") {
			continue
		}
		if ok, _ := path.Match("kernel*.go", path.Base(s.file)); ok {
			continue
		}
		for _, i := range s.imports {
			effect := effectOf(i)
			if effect == "" {
				continue
			}
			exception := exceptionFor(s.file, effect)
			if exception == "" {
				t.Errorf("%s imports %s: effects stand in kernel*.go", s.file, i)
			}
			needed[exception] = true
		}
	}
	for file := range pure() {
		if !needed[file] {
			t.Errorf("%s needs no exception any more", file)
		}
	}
}

// effectOf is the effect that an import is, or is a part of; empty when it is none.
func effectOf(imported string) string {
	for _, e := range effects() {
		if imported == e || strings.HasPrefix(imported, e+"/") {
			return e
		}
	}
	return ""
}

// exceptionFor is the pattern of pure that allows it; empty when there is none.
func exceptionFor(file, effect string) string {
	for pattern, of := range pure() {
		if ok, _ := path.Match(pattern, file); ok && slices.Contains(of, effect) {
			return pattern
		}
	}
	return ""
}
