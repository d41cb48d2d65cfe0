// Package applying holds no code but tests: it measures how long it takes from asking for a policy until gateways do what
// it says, and how far apart two of them begin to, of the built program as a pair and alone, and of two gateways that are
// given the same by hand.
//
//	client 10.10.0.100 --- lan --- 5 gateways --- wan --- site 10.20.0.101 to .105
//
// What a gateway does is asked by packets: every millisecond one goes through each gateway to a port that only the
// new policy opens, and the first that arrives tells when. The site has an address for each of them.
//
//	go test ./ha/applying -run '^$' -bench Policy
//	go test ./ha/applying -run '^$' -bench Policy/10-rules -applying.runs 3
package applying
