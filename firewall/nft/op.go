package nft

import (
	"strings"
	"time"
)

// Op is one command to the kernel. String gives it as nft(8) takes it.
type Op interface {
	String() string
	op() // closed: encoder and Fake switch over the types of this file
}

// Batch is commands that take effect together or not at all.
type Batch []Op

// String is the batch as a script for nft -f.
func (b Batch) String() string {
	var text strings.Builder
	for _, op := range b {
		text.WriteString(op.String())
		text.WriteByte('\n')
	}
	return text.String()
}

// AddTable makes the table; one that is there stays as it is.
type AddTable struct{ Table string }

// DeleteTable removes the table with all that is in it.
type DeleteTable struct{ Table string }

// FlushTable removes the rules of all chains.
type FlushTable struct{ Table string }

// AddChain makes an empty chain, or changes the policy of one that is there.
type AddChain struct {
	Table string
	Name  string
	Hook  *Hook
}

// DeleteChain removes an empty chain that nothing jumps to.
type DeleteChain struct{ Table, Name string }

// AddRule appends a rule to a chain.
type AddRule struct {
	Table string
	Chain string
	Rule  Rule
	// Intervals names the sets that hold ranges, since numbers are turned round before
	// they are looked up there. All rules of a ruleset share it.
	Intervals map[string]bool
}

// AddSet makes a set without elements.
type AddSet struct {
	Table string
	Set   Set // its Elements are not looked at
}

// DeleteSet removes a set, with its elements, that no rule uses.
type DeleteSet struct{ Table, Name string }

// AddElements puts elements in a set. One that is there already with the same data stays.
type AddElements struct {
	Table    string
	Set      Set // its Elements are not looked at
	Elements []Element
}

// DeleteElements takes elements out of a set. Ranges must be those that were put in.
type DeleteElements struct {
	Table    string
	Set      Set // its Elements are not looked at
	Elements []Element
}

// FlushSet takes all elements out of a set.
type FlushSet struct {
	Table, Name string
	Map         bool // it is a map, which nft has a command of its own for
}

// AddCounter makes a named counter at zero; one that is there keeps its figures.
type AddCounter struct{ Table, Name string }

// DeleteCounter removes a named counter that no rule uses.
type DeleteCounter struct{ Table, Name string }

// AddHelper makes a conntrack helper; one that is there already stays.
type AddHelper struct {
	Table  string
	Helper Helper
}

// DeleteHelper removes a conntrack helper that no rule uses.
type DeleteHelper struct{ Table, Name string }

func (AddTable) op()       {}
func (DeleteTable) op()    {}
func (FlushTable) op()     {}
func (AddChain) op()       {}
func (DeleteChain) op()    {}
func (AddRule) op()        {}
func (AddSet) op()         {}
func (DeleteSet) op()      {}
func (AddElements) op()    {}
func (DeleteElements) op() {}
func (FlushSet) op()       {}
func (AddCounter) op()     {}
func (DeleteCounter) op()  {}
func (AddHelper) op()      {}
func (DeleteHelper) op()   {}

// String is the command.
func (o AddTable) String() string { return "add table inet " + o.Table }

// String is the command.
func (o DeleteTable) String() string { return "delete table inet " + o.Table }

// String is the command.
func (o FlushTable) String() string { return "flush table inet " + o.Table }

// String is the command.
func (o AddChain) String() string {
	text := "add chain inet " + o.Table + " " + o.Name
	if o.Hook != nil {
		text += " { " + o.Hook.String() + " }"
	}
	return text
}

// String is the command.
func (o DeleteChain) String() string { return "delete chain inet " + o.Table + " " + o.Name }

// String is the command.
func (o AddRule) String() string {
	return "add rule inet " + o.Table + " " + o.Chain + " " + o.Rule.String()
}

// String is the command.
func (o AddSet) String() string {
	s := o.Set
	text := "add " + s.kind() + " inet " + o.Table + " " + s.Name + " { " + s.typeText() + ";"
	if n := s.limit(); n > 0 {
		text += " size " + string(appendNumber(nil, uint32(n))) + ";"
	}
	if flags := s.flags(); flags != "" {
		text += " flags " + flags + ";"
	}
	if s.HasTimeout && s.Timeout > 0 {
		text += " timeout " + durationText(s.Timeout) + ";"
	}
	if s.Comment != "" {
		text += " comment \"" + s.Comment + "\";"
	}
	return text + " }"
}

func durationText(d time.Duration) string { return string(appendDuration(nil, d)) }

// String is the command.
func (o DeleteSet) String() string { return "delete set inet " + o.Table + " " + o.Name }

// String is the command.
func (o AddElements) String() string {
	return elementsText("add", o.Table, o.Set, o.Elements)
}

// String is the command.
func (o DeleteElements) String() string {
	set := o.Set
	set.Data = 0
	return elementsText("delete", o.Table, set, keysOf(o.Elements))
}

func elementsText(verb, table string, s Set, elements []Element) string {
	b := []byte(verb + " element inet " + table + " " + s.Name + " { ")
	for i, e := range elements {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = e.appendText(b, s.Key, s.Data)
	}
	return string(append(b, " }"...))
}

// keysOf are the elements without what hangs on them.
func keysOf(elements []Element) []Element {
	keys := make([]Element, len(elements))
	for i, e := range elements {
		keys[i].Key = e.Key
	}
	return keys
}

// String is the command.
func (o FlushSet) String() string {
	kind := "set"
	if o.Map {
		kind = "map"
	}
	return "flush " + kind + " inet " + o.Table + " " + o.Name
}

// String is the command.
func (o AddCounter) String() string { return "add counter inet " + o.Table + " " + o.Name }

// String is the command.
func (o AddHelper) String() string {
	return "add ct helper inet " + o.Table + " " + o.Helper.Name + " { " + o.Helper.typeText() + "; l3proto " + o.Helper.family() + "; }"
}

// String is the command.
func (o DeleteHelper) String() string { return "delete ct helper inet " + o.Table + " " + o.Name }

// String is the command.
func (o DeleteCounter) String() string { return "delete counter inet " + o.Table + " " + o.Name }
