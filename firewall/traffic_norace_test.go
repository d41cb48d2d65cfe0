//go:build !race

package firewall

// streamRate is how many datagrams a second of one flow go through applies.
const streamRate = 10_000
