// Package vmac makes a device answer and speak with the virtual hardware address of
// carp(4), without a device of its own: nft(8) chains of the family netdev rewrite what
// comes in and goes out.
package vmac
