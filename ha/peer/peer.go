// Package peer is the link between the daemons of two nodes: one TCP connection on the cable, that
// says by its end that the other program died, and carries questions to it.
//
// Both ends prove that they hold the key, by a challenge each, and every message is
// authenticated and numbered; nothing is secret on it. The kernel closes the connection of a
// program that is killed at once, which is far earlier than silence tells.
package peer

// Question is what a node asks the other.
type Question struct {
	Kind string
	Body []byte
}
