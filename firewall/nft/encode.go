package nft

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// encoded is a batch as the kernel reads it.
type encoded struct {
	bytes []byte
	// ops is the index of the op that each message was made for. The sequence number of
	// a message is its index here plus one; zero is the frame around the batch.
	ops []int
}

// op is the index of the op that the message with a sequence number belongs to.
func (e encoded) op(seq uint32) (int, bool) {
	if seq == 0 || int(seq) > len(e.ops) {
		return 0, false
	}
	return e.ops[seq-1], true
}

// unfinished lacks the end: the kernel checks the batch and leaves it, as for nft -c.
func (e encoded) unfinished() encoded {
	e.bytes = e.bytes[:len(e.bytes)-headerLen-nfHeaderLen]
	return e
}

// encode writes a batch as one transaction. A generation other than zero makes the
// kernel refuse it when the ruleset is not of that generation any more.
func encode(batch Batch, generation uint32) (encoded, error) {
	e := encoder{wire: wire{buf: make([]byte, 0, roughSize(batch))}}
	e.header(unix.NFNL_MSG_BATCH_BEGIN, unix.NLM_F_REQUEST, 0, familyAny, subsystem>>8)
	if generation != 0 {
		e.uint32(unix.NFNL_BATCH_GENID, generation)
	}
	e.end()
	for i, op := range batch {
		e.current = i
		e.encode(op)
		if e.err != nil {
			return encoded{}, fmt.Errorf("encode %T: %w", op, e.err)
		}
	}
	e.header(unix.NFNL_MSG_BATCH_END, unix.NLM_F_REQUEST, 0, familyAny, subsystem>>8)
	e.end()
	return encoded{bytes: e.buf, ops: e.ops}, nil
}

// roughSize is about as many bytes as a batch takes, so that its buffer need not grow.
func roughSize(b Batch) int {
	const message, expression, element = 128, 88, 48
	size := 2 * message
	for _, op := range b {
		switch op := op.(type) {
		case AddRule:
			size += message + (2*len(op.Rule.Exprs)+2)*expression + len(op.Rule.Comment)
		case AddElements:
			size += message + len(op.Elements)*element*len(op.Set.Key)
		case DeleteElements:
			size += message + len(op.Elements)*element*len(op.Set.Key)
		default:
			size += message
		}
	}
	return size
}

// encoder turns ops into messages.
type encoder struct {
	wire
	ops     []int
	current int    // the op that is being encoded
	setID   uint32 // of the last set; the kernel finds anonymous sets by it
}

// message opens the next message and writes the name of the table, which is the
// first attribute of every kind.
func (e *encoder) message(kind, flags uint16, table string) {
	e.ops = append(e.ops, e.current)
	e.begin(kind, unix.NLM_F_REQUEST|flags, uint32(len(e.ops)))
	e.text(unix.NFTA_TABLE_NAME, table)
}

func (e *encoder) encode(op Op) {
	switch op := op.(type) {
	case AddTable:
		e.message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, op.Table)
		e.end()
	case DeleteTable:
		e.message(unix.NFT_MSG_DELTABLE, 0, op.Table)
		e.end()
	case FlushTable:
		e.message(unix.NFT_MSG_DELRULE, 0, op.Table)
		e.end()
	case AddChain:
		e.addChain(op)
	case DeleteChain:
		e.named(unix.NFT_MSG_DELCHAIN, op.Table, unix.NFTA_CHAIN_NAME, op.Name)
	case AddRule:
		e.addRule(op)
	case AddSet:
		e.addSet(op.Table, op.Set, 0, 0)
	case DeleteSet:
		e.named(unix.NFT_MSG_DELSET, op.Table, unix.NFTA_SET_NAME, op.Name)
	case FlushSet:
		e.named(unix.NFT_MSG_DELSETELEM, op.Table, unix.NFTA_SET_ELEM_LIST_SET, op.Name)
	case AddElements:
		e.elements(unix.NFT_MSG_NEWSETELEM, op.Table, op.Set, 0, op.Elements)
	case DeleteElements:
		e.elements(unix.NFT_MSG_DELSETELEM, op.Table, op.Set, 0, op.Elements)
	case AddHelper:
		e.addHelper(op)
	case DeleteHelper:
		e.object(unix.NFT_MSG_DELOBJ, 0, op.Table, op.Name, unix.NFT_OBJECT_CT_HELPER)
		e.end()
	case AddCounter:
		e.object(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE, op.Table, op.Name, unix.NFT_OBJECT_COUNTER)
		e.close(e.nest(unix.NFTA_OBJ_DATA))
		e.end()
	case addFlowtable:
		e.addFlowtable(op)
	case addOwned:
		e.addOwned(op)
	case DeleteCounter:
		e.object(unix.NFT_MSG_DELOBJ, 0, op.Table, op.Name, unix.NFT_OBJECT_COUNTER)
		e.end()
	}
}

// named is a message that only names a thing.
func (e *encoder) named(kind uint16, table string, attribute uint16, name string) {
	e.message(kind, 0, table)
	e.text(attribute, name)
	e.end()
}

// object opens a message about a named object.
func (e *encoder) object(kind, flags uint16, table, name string, object uint32) {
	e.message(kind, flags, table)
	e.text(unix.NFTA_OBJ_NAME, name)
	e.uint32(unix.NFTA_OBJ_TYPE, object)
}

func (e *encoder) addChain(op AddChain) {
	e.message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, op.Table)
	e.text(unix.NFTA_CHAIN_NAME, op.Name)
	if op.Hook != nil {
		point, ok := op.Hook.point()
		if !ok {
			e.fail(fmt.Errorf("chain %q: no hook is called %q", op.Name, op.Hook.Point))
		}
		at := e.nest(unix.NFTA_CHAIN_HOOK)
		e.uint32(unix.NFTA_HOOK_HOOKNUM, point)
		e.uint32(unix.NFTA_HOOK_PRIORITY, uint32(int32(op.Hook.Priority)))
		e.close(at)
		e.uint32(unix.NFTA_CHAIN_POLICY, policyNumber(op.Hook.policy()))
		e.text(unix.NFTA_CHAIN_TYPE, op.Hook.Type)
	}
	e.end()
}

// hookPoints are the hooks of the inet family, at the kernel's numbers.
var hookPoints = [...]string{
	unix.NF_INET_PRE_ROUTING:  "prerouting",
	unix.NF_INET_LOCAL_IN:     "input",
	unix.NF_INET_FORWARD:      "forward",
	unix.NF_INET_LOCAL_OUT:    "output",
	unix.NF_INET_POST_ROUTING: "postrouting",
}

func (h Hook) point() (uint32, bool) {
	for i, name := range hookPoints {
		if name == h.Point {
			return uint32(i), true
		}
	}
	return 0, false
}

// Verdicts of linux/netfilter.h and nf_tables.h.
const (
	nfDrop    = 0
	nfAccept  = 1
	nfStolen  = 2
	nfQueue   = 3
	nftReturn = -5
	nftGoto   = -4
	nftJump   = -3
	nftNext   = -1 // NFT_CONTINUE
)

func policyNumber(v Verdict) uint32 {
	if v.Kind == Drop {
		return nfDrop
	}
	return nfAccept
}

// code is the kernel's number of a verdict.
func (v Verdict) code() int32 {
	switch v.Kind {
	case Accept:
		return nfAccept
	case Drop:
		return nfDrop
	case Jump:
		return nftJump
	case Goto:
		return nftGoto
	case Return:
		return nftReturn
	}
	return nftNext
}

// addRule sends the anonymous sets of a rule ahead of it.
func (e *encoder) addRule(op AddRule) {
	var ids []uint32
	for _, x := range op.Rule.Exprs {
		for _, s := range anonymousSets(x) {
			ids = append(ids, e.addAnonymous(op.Table, s))
		}
	}
	e.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, op.Table)
	e.text(unix.NFTA_RULE_CHAIN, op.Chain)
	at := e.nest(unix.NFTA_RULE_EXPRESSIONS)
	r := ruleEncoder{wire: &e.wire, intervals: op.Intervals, ids: ids}
	for _, x := range op.Rule.Exprs {
		r.encode(x)
	}
	e.close(at)
	if len(op.Rule.Comment) > maxComment {
		e.fail(fmt.Errorf("comment of %d bytes, %d are the most", len(op.Rule.Comment), maxComment))
	}
	if op.Rule.Comment != "" {
		e.bytes(unix.NFTA_RULE_USERDATA, appendUserText(nil, userRuleComment, op.Rule.Comment))
	}
	e.end()
}

// anonymousSets are the sets that exist for one expression, in the order in which
// ruleEncoder asks for them.
func anonymousSets(x Expr) []Set {
	switch x := x.(type) {
	case Match:
		if len(x.Values) > 1 {
			return []Set{x.set()}
		}
	case VMap:
		if x.Set == "" {
			return []Set{x.set()}
		}
	case NAT:
		var sets []Set
		if len(x.Addrs) > 1 {
			sets = append(sets, x.targets())
		}
		if len(x.MapPorts) > 0 {
			sets = append(sets, x.toPorts().mapped())
		}
		return sets
	}
	return nil
}
