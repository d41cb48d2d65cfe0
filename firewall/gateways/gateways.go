// Package gateways watches the next hops of a policy, and the hosts behind its
// port forwards, and says how each of them is.
//
//	probe (codec of questions and answers) -> window (loss, delay, jitter) -> machine (state, with now) -> Monitor (loop)
package gateways
