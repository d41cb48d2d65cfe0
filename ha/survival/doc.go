// Package survival holds no code but tests: connections that stand go through a pair of the built program, to which
// happens what happens to gateways, and each has to go on as if nothing had happened.
//
//	client 10.10.0.100 --+-- lan --- fw1 ---+--- wan --- server 10.20.0.100
//	inner  10.10.0.110 --+    |     | cable |
//	                          +---- fw2 ----+--- dmz --- site   10.30.0.100
//	                        stranger |
//
// All traffic is real, and is checked byte for byte. What is outside of the pair, the server, watches for packets that
// were not translated. Bounds on times are generous, for a busy machine is slow and not wrong; counts are exact.
package survival
