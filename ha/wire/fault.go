package wire

import "fmt"

// Fault is why Parse refuses a frame. It is an error, and comparable.
type Fault uint8

// The faults, in the order in which a frame meets the checks.
const (
	Short       Fault = iota + 1 // it ends before a header or a length does
	Foreign                      // it is of no Kind
	BadHeader                    // a field of a header has a value that its RFC forbids
	BadChecksum                  // the IPv4 header is damaged
	Fragmented                   // it is a part of a datagram
	BadLength                    // a length says less than its own header
	BadHops                      // neighbour discovery has come through a router
	BadOption                    // an option of neighbour discovery has no length, or a wrong one
)

var faults = [...]string{
	Short: "short frame", Foreign: "frame of no known kind", BadHeader: "forbidden value in a header",
	BadChecksum: "damaged IPv4 header", Fragmented: "fragment", BadLength: "wrong length",
	BadHops: "neighbour discovery from another link", BadOption: "malformed neighbour discovery option",
}

// Error names the fault.
func (f Fault) Error() string {
	if int(f) < len(faults) && f != 0 {
		return faults[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}
