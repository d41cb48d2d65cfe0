// Package explain says what becomes of a packet and why, by reading the policy
// as it is written: every step of its road, each with the line of the policy
// that makes it so.
package explain
