// Package failover holds no code but tests: it runs the built program beside keepalived
// and ucarp of the distribution, lets masters die, and measures what the traffic
// between a client and a server notices of it.
//
//	client 10.10.0.100 --- lan --- fw1 ---+--- wan --- server 10.20.0.100
//	                        |       | cable
//	                        +----- fw2 ---+
//
// The nodes share 10.10.0.1, which is the client's gateway, and 10.20.0.1, as which the
// client is seen and by which the server reaches it.
//
//	go test ./ha/failover -run '^$' -bench Failover -timeout 60m
//	go test ./ha/failover -run '^$' -bench Failover/frozen/rempart -failover.runs 3
package failover
