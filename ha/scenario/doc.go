// Package scenario holds no code but tests: pairs of the built program in network namespaces, to which
// happens what happens to gateways.
//
//	client 10.10.0.100 --- lan --- fw1 ---+--- wan --- server 10.20.0.100
//	                        |       | cable |
//	stranger 10.10.0.66 ----+----- fw2 ---+
//
// The roles are told by the nodes themselves, and where the virtual addresses are by their kernels, as it
// happens. Bounds on times are generous, for a busy machine is slow and not wrong; orders and counts are exact.
package scenario
