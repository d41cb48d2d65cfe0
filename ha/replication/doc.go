// Package replication holds no code but tests: it runs the built program beside conntrackd of the
// distribution, gives a master many flows, and measures what it takes until its peer has them.
//
//	client 10.10.0.100 --- lan --- fw1 ---+--- wan --- server 10.20.0.100
//	                        |       | cable
//	                        +----- fw2 ---+
//
// The first node is master, with 10.10.0.1 as the client's gateway and 10.20.0.1 as which the client
// is seen. What a peer has is read from its kernel, by eyes of this package: neither program is asked.
//
//	go test ./ha/replication -run '^$' -bench Replication -timeout 30m
//	go test ./ha/replication -run '^$' -bench Replication/injected -replication.seconds 5
package replication
