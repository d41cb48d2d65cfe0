// Package onepolicy holds no code but tests: two gateways of the built program are paired by a code from directories
// that hold next to nothing, and are to run one policy from then on, whatever is edited where and whatever dies, is
// cut or fills up at which moment.
//
//	client 10.10.0.100 --- lan --- fw1 ---+--- wan
//	                        |       | cable |
//	                        +----- fw2 ---+
//
// What runs is asked of the kernels, and what the nodes believe of each other of the nodes. Bounds on times are
// generous, for a busy machine is slow and not wrong.
package onepolicy
