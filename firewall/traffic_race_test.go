//go:build race

package firewall

// streamRate is a fifth of that without the race detector, under which a
// stream costs ten times as much: a machine that is busy with sending says
// nothing about a gateway.
const streamRate = 2_000
