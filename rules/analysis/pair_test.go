package analysis

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

const ofTwo = `schema = 1

[interface.lan]
device = "eth1"
addresses = ["10.1.2.2/24", "2001:db8:2::2/64"]

[interface.sync]
device = "eth3"
addresses = ["172.16.0.1/30"]

[ha]
secret = "file:carp.key"
interface = "sync"

[[vip]]
interface = "lan"
address = "10.1.2.1/24"
vhid = 1

`

// TestWhatAPairSaysIsNoRulesBusiness: rules for nothing else decide nothing, and those for a
// little more do.
func TestWhatAPairSaysIsNoRulesBusiness(t *testing.T) {
	for keys, decides := range map[string]bool{
		`from = "lan"; to = "self"; source = "lan:network"; protocol = 112`:                          false,
		`from = "lan"; to = "self"; source = "10.1.2.3"; protocol = "udp"; port = 7112`:              false,
		`from = "lan"; to = "self"; source = "2001:db8:2::3"; protocol = "udp"; port = 7112`:         false,
		`from = "sync"; to = "self"; source = "172.16.0.2"; protocol = "tcp"; port = 7112`:           false,
		`from = "sync"; to = "self"; source = "172.16.0.2"; protocol = "tcp"; port = [7112, 7114]`:   false,
		`from = "sync"; to = "self"; source = "172.16.0.2"; protocol = "tcp"; port = "7112-7114"`:    true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; protocol = "tcp"; port = 7114`:              true,
		`from = "sync"; to = "self"; source = "172.16.0.2"; protocol = "udp"; port = 7113`:           false,
		`from = "sync"; to = "self"; protocol = "udp"; port = 7113`:                                  true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; protocol = "udp"; port = 7113`:              true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; destination = "224.0.0.0/24"; protocol = 2`: false,
		`from = "lan"; to = "self"; protocol = 112`:                                                  true,
		`from = "lan"; source = "lan:network"; protocol = "udp"; port = 7112`:                        true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; protocol = "udp"; port = "7112-7113"`:       true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; protocol = "tcp"; port = 7112`:              true,
		`from = "sync"; to = "self"; source = "172.16.0.1"; protocol = "tcp"; port = 7112`:           true,
		`from = "lan"; to = "self"; source = "10.1.2.3"; destination = "10.1.2.2"; protocol = 2`:     true,
	} {
		text := findingsOfTwo(t, keys)
		if got := !strings.Contains(text, "what the nodes of a pair say to each other passes all its packets before any rule"); got != decides {
			t.Errorf("%s: said %q", keys, text)
		}
	}
}

// TestPortOfFlowsIsBlockedBefore: a rule that is to let something else in on the port of flows
// never decides, and is told so.
func TestPortOfFlowsIsBlockedBefore(t *testing.T) {
	for keys, dead := range map[string]bool{
		`from = "lan"; to = "self"; protocol = "udp"; port = 7113`:                       true,
		`from = "lan"; to = "self"; protocol = "tcp"; port = 7113`:                       false,
		`from = "lan"; to = "self"; protocol = "udp"; port = "7113-7114"`:                false,
		`from = "lan"; source = "10.1.2.3"; protocol = "udp"; port = 7113`:               false,
		`from = "sync"; to = "self"; source = "10.1.2.3"; protocol = "udp"; port = 7113`: true,
	} {
		if got := strings.Contains(findingsOfTwo(t, keys), "the port of flows of a pair blocks all its packets before any rule"); got != dead {
			t.Errorf("%s: said %q", keys, findingsOfTwo(t, keys))
		}
	}
}

// findingsOfTwo is what is said of a rule on a node of a pair.
func findingsOfTwo(t *testing.T, keys string) string {
	t.Helper()
	policy := ofTwo + rule("r", "pass", keys)
	node := &config.File{Name: "node.toml", Data: []byte("[ha]\nadvskew = 0\npeer = \"172.16.0.2\"\n")}
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, node)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range Findings(&rules.World{Config: c}) {
		said = append(said, f.Message)
	}
	return strings.Join(said, "\n")
}
