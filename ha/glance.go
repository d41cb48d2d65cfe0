package ha

// glance is what of the node may be asked by whoever cannot wait for its loop. One that was stored is not changed.
type glance struct {
	node      string // its name
	master    bool   // of some group
	peer      string // whether the peer lives, as in view.Peer
	peerNode  string
	connected bool
}

// glimpse stores what is so now.
func (n *Node) glimpse() {
	g := glance{node: n.Host, peer: n.peer.verdict.String(), peerNode: n.peer.beat.Node, connected: n.peer.connected}
	if n.settings != nil {
		g.node, g.master = n.settings.node, n.speaksFlows()
	}
	if g != *n.glance.Load() {
		n.glance.Store(&g)
	}
}

// Name is that of the node, by its policy or else that of its host. It waits for nothing.
func (n *Node) Name() string { return n.glance.Load().node }

// Master says whether this node is master of some group. It waits for nothing.
func (n *Node) Master() bool { return n.glance.Load().master }

// PeerState is whether the peer lives, as in view.Peer, its name, empty when it was never heard, and whether the
// connection of the daemons stands. It waits for nothing.
func (n *Node) PeerState() (state, node string, connected bool) {
	g := n.glance.Load()
	return g.peer, g.peerNode, g.connected
}
