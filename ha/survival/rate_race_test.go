//go:build race

package survival_test

// streamRate is a fifth of that without the race detector, under which a stream costs ten times as much.
const streamRate = 50
