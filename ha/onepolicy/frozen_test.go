package onepolicy_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// TestFrozen stops a daemon without ending it, before and within an apply.
func TestFrozen(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	whole := b.timeOfApply(one)
	for _, part := range []int{0, 2} {
		b.sub(fmt.Sprintf("the other at %d of 4 parts", part), func() {
			before := b.last
			one.write("rempart.toml", b.next())
			end := one.begin("apply", "--now")
			time.Sleep(whole * time.Duration(part) / 4) // any moment will do
			two.signal(syscall.SIGSTOP)
			s := end()
			two.signal(syscall.SIGCONT)
			if s.code == 1 {
				two.wantWords(s.text, "fw2")
			}
			b.wantOutcome(s, before)
		})
	}
	b.sub("who applies", func() {
		before := b.last
		one.write("rempart.toml", b.next())
		end := one.begin("apply", "--now")
		time.Sleep(whole / 2)
		one.signal(syscall.SIGSTOP)
		two.awaitPolicy(view.PolicyAway)
		one.signal(syscall.SIGCONT)
		b.wantOutcome(end(), before)
	})
}

// timeOfApply is how long an apply takes on this machine.
func (b *bed) timeOfApply(n *node) time.Duration {
	b.Helper()
	n.write("rempart.toml", b.next())
	start := time.Now()
	n.mustApply()
	return time.Since(start)
}

// wantOutcome waits until both nodes run one policy, and wants that to be the last one if a command said so, and
// that or the one before when it did not come to say anything. Where it is the one before, that is the last one now.
func (b *bed) wantOutcome(s said, before int) {
	b.Helper()
	switch mark := b.settled(); {
	case mark == b.last:
	case s.code != 0 && mark == before:
		b.last = before
	default:
		b.Fatalf("both run the policy %d, want %d (or %d, unless the command succeeded): it ended with %d: %s", mark, b.last, before, s.code, s.text)
	}
}
