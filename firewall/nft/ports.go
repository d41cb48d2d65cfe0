package nft

import "sync"

// portMemory is how many sockets of commits are remembered. Their messages come at
// once, so that many are never open.
const portMemory = 64

// portRing remembers the netlink ports of the last commits, by which Watch knows its own.
type portRing struct {
	mu    sync.Mutex
	ports [portMemory]uint32
	next  int
}

func (r *portRing) add(port uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ports[r.next] = port
	r.next = (r.next + 1) % portMemory
}

func (r *portRing) has(port uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.ports {
		if p == port {
			return port != 0
		}
	}
	return false
}
