package onepolicy_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// secret is what the pair's CARP is protected by.
const secret = "a secret of two\n"

// policy is what both nodes run. Its mark is an address that a rule names, so it can be told from every other one by
// what is in a kernel. tables are more of it.
func policy(mark int, tables ...string) string {
	return fmt.Sprintf(`schema = 1

[interface.lan]
[interface.wan]
external = true
[interface.cable]

[[rule]]
name     = "ping"
protocol = ["icmp"]
icmp     = ["echo-request"]
action   = "pass"

[[rule]]
name        = "mark"
from        = "lan"
to          = "wan"
destination = "192.0.2.%d"
action      = "pass"

[ha]
secret    = "file:carp.key"
interface = "cable"

[[vip]]
interface = "lan"
address   = "10.10.0.1/24"
vhid      = 1

[[vip]]
interface = "wan"
address   = "10.20.0.1/24"
vhid      = 2
%s`, mark, strings.Join(tables, ""))
}

// next is a policy with a mark that no policy of this bed had.
func (b *bed) next(tables ...string) string {
	b.last++
	return policy(b.last, tables...)
}

// rule is a rule with a name and an address of its own.
func rule(name, destination string) string {
	return fmt.Sprintf("\n[[rule]]\nname        = %q\nfrom        = \"lan\"\nto          = \"wan\"\ndestination = %q\naction      = \"pass\"\n", name, destination)
}

// marked finds marks in what nft lists.
var marked = regexp.MustCompile(`\b192\.0\.2\.(\d+)\b`)

// mark is the mark of the policy in the node's kernel. It fails unless there is exactly one.
func (n *node) mark() int {
	n.Helper()
	marks := map[string]bool{}
	for _, m := range marked.FindAllStringSubmatch(n.ruleset(), -1) {
		marks[m[1]] = true
	}
	if len(marks) != 1 {
		n.Fatalf("the kernel of %s has the marks %v, want one", n, marks)
	}
	for m := range marks {
		mark, err := strconv.Atoi(m)
		if err != nil {
			n.Fatal(err)
		}
		return mark
	}
	return 0
}

// own is what belongs to one node.
func (n *node) own() string {
	return fmt.Sprintf(`name = %q

[interface.lan]
device    = %q
addresses = [%q]

[interface.wan]
device    = %q
addresses = [%q]

[interface.cable]
device    = %q
addresses = [%q]

[ha]
advskew = %d
`, n.String(), lanDevice, subnet(n.lan()), wanDevice, subnet(n.wan()), cableDevice, subnet(n.cable()), 100*n.number)
}
