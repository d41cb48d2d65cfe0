package nft

// walk is one packet on its way through a hook.
type walk struct {
	Result
	e *Evaluator
	o Options
	p Packet

	flow, early bool    // there is a flow; conntrack did not look for one yet
	untracked   bool    // by a rule of this hook
	verdict     verdict // of the operation that decided
	at          *program
	rule        int
	entered     int // chains so far
	key         [8]word
	added       []addition
}

// verdict is a Verdict with its chain; nil where the chain is missing.
type verdict struct {
	kind  VerdictKind
	chain *program
}

// addition is an element that the packet itself has put into a dynamic set.
type addition struct {
	set   string
	key   string
	limit *limited // nil: none
}

// outcome is what an expression does to the rule that it is in.
type outcome uint8

const (
	proceed outcome = iota // with the next expression
	fail                   // the rule does not match
	decide                 // the rule ends with walk.verdict
)

// operation is an expression made ready.
type operation interface{ run(w *walk) outcome }

const (
	// mostJumps is the kernel's NFT_JUMP_STACK_SIZE.
	mostJumps = 16
	// mostEntered bounds what a ruleset that leads in circles may cost. What the
	// kernel loads has no circles.
	mostEntered = 1 << 16
)

// returnTo is where a chain that was jumped to returns.
type returnTo struct {
	chain *program
	rule  int
}

// base runs a base chain. A goto leaves nothing to return to, so the end of its
// chain returns behind the last jump.
func (w *walk) base(b *program) VerdictKind {
	var stack [mostJumps]returnTo
	depth := 0
	w.at, w.rule = b, 0
	for {
		v := w.rules()
		switch v.kind {
		case Accept, Drop:
			w.Decided = w.place()
			return v.kind
		case Jump, Goto:
			w.entered++
			if v.chain == nil || w.entered > mostEntered || v.kind == Jump && depth == mostJumps {
				w.Decided = w.place()
				return Drop
			}
			if v.kind == Jump {
				stack[depth] = returnTo{w.at, w.rule + 1}
				depth++
			}
			w.at, w.rule = v.chain, 0
			continue
		}
		if depth == 0 {
			break
		}
		depth--
		w.at, w.rule = stack[depth].chain, stack[depth].rule
	}
	w.Decided = Place{Chain: b.name, Rule: Policy}
	policy := b.hook.policy()
	if w.o.Trace {
		w.Trace = append(w.Trace, Step{Place: w.Decided, Matched: true, Verdict: policy})
	}
	return policy.Kind
}

// rules runs the rules of the chain until one decides; none, at the end of the chain.
func (w *walk) rules() verdict {
	for ; w.rule < len(w.at.rules); w.rule++ {
		w.verdict = verdict{}
		how, last := w.expressions(w.at.rules[w.rule].steps)
		if w.o.Trace {
			w.trace(how, last)
		}
		if how == decide && w.verdict.kind != 0 {
			return w.verdict
		}
	}
	return verdict{}
}

// expressions runs a rule and returns how it ended, and at which expression.
func (w *walk) expressions(steps []step) (how outcome, last int) {
	for i := range steps {
		if how = steps[i].op.run(w); how != proceed {
			return how, steps[i].expr
		}
	}
	return proceed, 0
}

func (w *walk) trace(how outcome, last int) {
	s := Step{Place: w.place(), Matched: how != fail}
	if how == fail {
		s.Failed = last
	}
	if how == decide {
		s.Verdict.Kind = w.verdict.kind
		if w.verdict.chain != nil {
			s.Verdict.Chain = w.verdict.chain.name
		}
	}
	w.Trace = append(w.Trace, s)
}

func (w *walk) place() Place {
	p := Place{Chain: w.at.name, Rule: w.rule}
	if w.rule < len(w.at.rules) {
		p.Comment = w.at.rules[w.rule].comment
	}
	return p
}

// loadKey loads fields side by side. It is good until the next.
func (w *walk) loadKey(fields []Field) ([]word, bool) {
	key := w.key[:0]
	for _, f := range fields {
		k, ok := w.load(f)
		if !ok {
			return nil, false
		}
		key = append(key, k)
	}
	return key, true
}
