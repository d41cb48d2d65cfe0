package firewall

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rempart/rempart/rules"
)

// What a node learned is a line of JSON with its numbers, and behind it what
// its aliases hold (feeds.Export).
const (
	learnedFormat  = 1
	maxLearnedLine = 32 << 20 // bytes: 65,535 names of rules
)

// numbering is the first line.
type numbering struct {
	Format   int           `json:"format"`
	Numbers  rules.Numbers `json:"numbers,omitempty"`
	Gateways rules.Numbers `json:"gateways,omitempty"`
}

func (n numbering) line() ([]byte, error) {
	line, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("write numbers: %w", err)
	}
	return append(line, '\n'), nil
}

// parseNumbering reads the first line, and returns what stands behind it. It
// takes nothing that line does not write.
func parseNumbering(learned []byte) (n numbering, rest []byte, err error) {
	end := bytes.IndexByte(learned[:min(len(learned), maxLearnedLine)], '\n')
	if end < 0 {
		return numbering{}, nil, errors.New("its first line has no end, or is too long")
	}
	if err := json.Unmarshal(learned[:end], &n); err != nil {
		return numbering{}, nil, err
	}
	again, err := n.line()
	switch {
	case n.Format != learnedFormat:
		return numbering{}, nil, fmt.Errorf("it has format %d, this version reads %d", n.Format, learnedFormat)
	case err != nil || !bytes.Equal(again, learned[:end+1]):
		return numbering{}, nil, errors.New("its first line says what this version does not know")
	case !distinct(n.Numbers, rules.MaxNumber) || !distinct(n.Gateways, rules.MaxGateway):
		return numbering{}, nil, errors.New("its numbers do not tell names apart")
	}
	return n, learned[end+1:], nil
}

// distinct says whether each name has a number of its own, from 1 to most.
func distinct(numbers rules.Numbers, most uint16) bool {
	seen := make(map[uint16]bool, len(numbers))
	for name, n := range numbers {
		if name == "" || n == 0 || n > most || seen[n] {
			return false
		}
		seen[n] = true
	}
	return true
}

// agreed is the numbers that another node has, and the names that only this one knows: a
// name keeps its number where the other node has no use for it, and gets the lowest
// free one where it has. For names beyond most there is none.
func agreed(theirs, ours rules.Numbers, most uint16) rules.Numbers {
	out := make(rules.Numbers, len(theirs)+len(ours))
	maps.Copy(out, theirs)
	used := make(map[uint16]bool, len(theirs)+len(ours))
	for _, n := range theirs {
		used[n] = true
	}
	var moved []string
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		switch n := ours[name]; {
		case out[name] != 0:
		case n != 0 && n <= most && !used[n]:
			out[name], used[n] = n, true
		default:
			moved = append(moved, name)
		}
	}
	next := 1
	for _, name := range moved {
		for used[uint16(next)] && next < int(most) {
			next++
		}
		if used[uint16(next)] {
			break
		}
		out[name], used[uint16(next)] = uint16(next), true
	}
	return out
}

// Learned is what another node has to know to compile this node's policies as this one does, the
// staged one too, for its Adopt: the numbers of rules and gateways, and what aliases learned.
func (f *Firewall) Learned(ctx context.Context) ([]byte, error) {
	line, err := do(ctx, f, func(context.Context) ([]byte, error) {
		if f.held != nil { // names that are new have their numbers there
			w := f.held.candidate.world
			return numbering{learnedFormat, w.Numbers, w.Gateways}.line()
		}
		return numbering{learnedFormat, f.memory.Numbers, f.memory.Gateways}.line()
	})
	if err != nil {
		return nil, err
	}
	return append(line, f.Feeds.Export()...), nil
}

// LearnedDigest is a SHA-256 in hexadecimal digits of what Learned says of the
// running policy. Two nodes that run one policy and learned the same have the same one,
// whatever they remember of others. It is cheap and waits for nothing.
func (f *Firewall) LearnedDigest() string {
	n := numbering{Format: learnedFormat}
	if r := f.now.Load(); r != nil {
		c := r.world.Config
		n.Numbers, n.Gateways = numbersOf(r.world.Numbers, c.RuleNames()), numbersOf(r.world.Gateways, gatewayNames(c))
	}
	h := sha256.New()
	json.NewEncoder(h).Encode(n) // of text and numbers: it cannot fail
	h.Write([]byte(f.Feeds.Digest()))
	return hex.EncodeToString(h.Sum(nil))
}

// numbersOf is the numbers of some names.
func numbersOf(all rules.Numbers, names []string) rules.Numbers {
	out := make(rules.Numbers, len(names))
	for _, name := range names {
		out[name] = all[name]
	}
	return out
}

// Adopt takes what another node learned. Names that both know get its numbers,
// for these stand in the marks of flows that go from one node to the other; what aliases
// hold is taken where the other node learned it later. What runs is compiled
// with it. An error says what was not taken, or could not be kept.
func (f *Firewall) Adopt(ctx context.Context, learned []byte) error {
	t, err := f.take(learned)
	if err != nil {
		return err
	}
	_, err = do(ctx, f, func(ctx context.Context) (struct{}, error) { return struct{}{}, f.agree(ctx, t) })
	return err
}

// taken is what is left to do in the loop after aliases learned from another node.
type taken struct {
	numbering
	content bool  // aliases hold something else now
	unkept  error // why that would be lost with a restart
}

// take has the aliases learn from another node. It is called outside of the loop, which would
// wait while a list of a million networks is read and kept.
func (f *Firewall) take(learned []byte) (taken, error) {
	n, content, err := parseNumbering(learned)
	if err != nil {
		return taken{}, fmt.Errorf("read what the other node learned: %w", err)
	}
	changed, err := f.Feeds.Import(content, time.Now())
	if err != nil && !changed {
		return taken{}, err
	}
	return taken{n, changed, err}, nil
}

// agree takes the numbers of another node, and compiles what runs anew if it
// may be different by that or by what aliases learned.
func (f *Firewall) agree(ctx context.Context, t taken) error {
	err := t.unkept
	numbers, gateways := agreed(t.Numbers, f.memory.Numbers, rules.MaxNumber), agreed(t.Gateways, f.memory.Gateways, rules.MaxGateway)
	renumbered := !maps.Equal(numbers, f.memory.Numbers) || !maps.Equal(gateways, f.memory.Gateways)
	if renumbered {
		f.memory.Numbers, f.memory.Gateways = numbers, gateways
		if f.State.Applied() { // a node that never had a policy is not to look as if it had
			err = errors.Join(err, f.State.PutMemory(f.memory))
		}
		f.renumberBefore()
	}
	if !renumbered && !t.content {
		return err
	}
	select {
	case <-f.Feeds.Changed(): // this is it
	default:
	}
	f.refreshSets(ctx)
	return err
}

// renumberBefore compiles what runs again if the pending apply is taken back.
func (f *Firewall) renumberBefore() {
	if f.pending == nil || f.pending.before == nil {
		return
	}
	before := *f.pending.before
	before.world = NewWorld(before.world.Config, f.learned(f.Feeds.Peek(before.world.Config)), time.Now())
	before.ruleset = f.compiler.compile(before.world)
	f.pending.before = &before
}
