// Package dispatch turns an ordered list of rules into maps and short chains
// that keep its meaning: the first rule that matches decides.
package dispatch
