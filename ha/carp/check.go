package carp

// Check is a check that an advertisement did not pass. It is an error, and each has a
// counter of its own.
type Check int

// The checks in the order in which they are made. Loop is Counter.Echo's and Replayed is
// of a Guard.
const (
	BadTTL      Check = iota + 1 // TTL or hop limit is not 255: it came through a router
	Short                        // shorter than an advertisement
	BadChecksum                  // damaged
	UnknownVHID                  // not ours, or not in this family
	BadVersion                   // not version 2, or no advertisement
	BadAuth                      // another key, or other addresses
	Loop                         // what this node sent itself
	Replayed                     // not what the peer would send now
)

// Checks is the length of an array that has a place for every Check.
const Checks = int(Replayed) + 1

var checks = [Checks]struct{ counter, text string }{
	BadTTL:      {"bad_ttl", "TTL is not 255"},
	Short:       {"short", "too short"},
	BadChecksum: {"bad_checksum", "wrong checksum"},
	UnknownVHID: {"unknown_vhid", "unknown vhid"},
	BadVersion:  {"bad_version", "not an advertisement of CARP version 2"},
	BadAuth:     {"bad_auth", "wrong key or other addresses"},
	Loop:        {"loop", "own advertisement came back"},
	Replayed:    {"replayed", "not what the peer sends now"},
}

// Error says what is wrong with the advertisement.
func (c Check) Error() string {
	if c.known() {
		return "carp: " + checks[c].text
	}
	return "carp: unknown check"
}

// Counter is the name of the check's counter, in snake case.
func (c Check) Counter() string {
	if c.known() {
		return checks[c].counter
	}
	return "unknown"
}

func (c Check) known() bool { return c > 0 && int(c) < Checks }
