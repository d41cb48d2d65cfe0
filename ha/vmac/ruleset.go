package vmac

import (
	"fmt"
	"strings"
)

// tableName is the table of this package, of the family netdev. It is ours alone, like all that
// is in it.
const tableName = "rempart_vmac"

// ruleset is the table as a value.
type ruleset struct {
	sets   []set
	chains []chain
}

// set is a set of MACs, or a map from addresses to them.
type set struct {
	name  string
	of    kind
	macs  []mac
	bound []bound
}

// kind is what the keys of a set are.
type kind uint8

const (
	etherAddr kind = iota + 1
	ip4Addr
	ip6Addr
)

var kinds = [...]string{etherAddr: "ether_addr", ip4Addr: "ipv4_addr", ip6Addr: "ipv6_addr"}

// String is nft's name of the type.
func (k kind) String() string { return kinds[k] }

// chain is a base chain of one device.
type chain struct {
	name     string
	hook     hook
	device   string
	priority int32
	rules    []rule
}

// hook is where a chain sees frames.
type hook uint8

const (
	ingress hook = iota + 1 // what comes in, below IP
	egress                  // what goes out, on its way into the queue
)

var hooks = [...]string{ingress: "ingress", egress: "egress"}

// String is nft's name of the hook.
func (h hook) String() string { return hooks[h] }

// rule is a row of matches and statements.
type rule []term

// String prints the table in nft's words. nft itself lists fields of Ethernet by their places,
// since not every device of the family netdev has such headers.
func (r ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table netdev %s {\n", tableName)
	for i, s := range r.sets {
		if i > 0 {
			b.WriteByte('\n')
		}
		s.print(&b)
	}
	for _, c := range r.chains {
		b.WriteByte('\n')
		c.print(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s set) print(b *strings.Builder) {
	word, of := "set", s.of.String()
	var elements []string
	if s.of == etherAddr {
		for _, m := range s.macs {
			elements = append(elements, m.String())
		}
	} else {
		word, of = "map", of+" : "+etherAddr.String()
		for _, e := range s.bound {
			elements = append(elements, e.addr.String()+" : "+e.mac.String())
		}
	}
	fmt.Fprintf(b, "\t%s %s {\n\t\ttype %s\n\t\telements = { %s }\n\t}\n", word, s.name, of, strings.Join(elements, ", "))
}

func (c chain) print(b *strings.Builder) {
	fmt.Fprintf(b, "\tchain %s {\n", c.name)
	fmt.Fprintf(b, "\t\ttype filter hook %s device %q priority %d; policy accept;\n", c.hook, c.device, c.priority)
	for _, r := range c.rules {
		fmt.Fprintf(b, "\t\t%s\n", r)
	}
	b.WriteString("\t}\n")
}

// String is the rule's nft text.
func (r rule) String() string {
	words := make([]string, len(r))
	for i, t := range r {
		words[i] = t.String()
	}
	return strings.Join(words, " ")
}
