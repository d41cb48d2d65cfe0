package survival_test

import "testing"

// A thousand connections live through a planned switch, a node without power and a machine that hangs, from one node
// to the other and back and there again, while those that were lost return.
func TestThousandConnections(t *testing.T) {
	b := newPair(t, goodCable)
	f := b.farm(map[pace]int{idle: 91, interactive: 32, bulk: 2})
	first, second := b.nodes[0], b.nodes[1]
	b.complete(second)

	b.released(first)
	f.moves()
	b.complete(first)

	b.crashed(second)
	f.moves()
	b.boot(second)
	b.joined(second)

	b.frozen(first)
	f.moves()
	b.thawed(first)
	b.agreed()
	f.moves()
	f.finish()
}

// A machine that hung comes back as the master that it was, with what it knew then. What began without it lives on, and
// so does all else, whichever of the two stays master.
func TestMasterThatHung(t *testing.T) {
	b := newPair(t, goodCable)
	f := b.farm(few)
	b.complete(b.nodes[1])
	b.frozen(b.nodes[0])
	f.plant(few)
	b.thawed(b.nodes[0])
	t.Logf("%s stays master", b.agreed())
	f.moves()
	f.finish()
}

// A download goes on at full speed, through nodes that have little time for anything else.
func TestDownload(t *testing.T) {
	b := newPair(t, goodCable)
	f := b.farm(map[pace]int{download: 1})
	b.released(b.nodes[0])
	f.moves()
	b.complete(b.nodes[0])
	b.crashed(b.nodes[1])
	f.moves()
	f.finish()
}
