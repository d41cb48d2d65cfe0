//go:build !race

package survival_test

// streamRate is how many datagrams a second each of four flows has, both ways.
const streamRate = 250
