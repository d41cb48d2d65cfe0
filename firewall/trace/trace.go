// Package trace follows real packets through the kernel, by nftables' own trace
// (nft(8), meta nftrace), and says in which chains and by which rules they went.
package trace
