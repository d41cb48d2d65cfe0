package flows

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Status is the set of bits that conntrack keeps of a flow: IPS_ in nf_conntrack_common.h.
type Status uint32

// The bits of a Status.
const (
	Expected     Status = 1 << iota // Expected: a helper foresaw the flow, which is related to another one.
	SeenReply                       // SeenReply: packets went both ways.
	Assured                         // Assured: the flow is not dropped early when the table is full.
	Confirmed                       // Confirmed: the first packet left this machine, the flow is in the table.
	SrcNAT                          // SrcNAT: the source of the first packet is translated.
	DstNAT                          // DstNAT: the destination of the first packet is translated.
	SeqAdjust                       // SeqAdjust: TCP sequence numbers are changed.
	SrcNATDone                      // SrcNATDone: whether to translate the source has been decided.
	DstNATDone                      // DstNATDone: whether to translate the destination has been decided.
	Dying                           // Dying: the flow is being removed.
	FixedTimeout                    // FixedTimeout: packets do not renew the timeout.
	Template                        // Template: not a flow but a pattern for flows.
	Clash                           // Clash: the flow shares its tuple with one that was quicker.
	Helper                          // Helper: a helper was assigned by hand.
	Offload                         // Offload: packets take the flowtable.
	HWOffload                       // HWOffload: packets are forwarded by hardware.
)

// statusNames gives the name of each bit, from the lowest on.
func statusNames() []string {
	return []string{
		"expected", "seen-reply", "assured", "confirmed", "src-nat", "dst-nat", "seq-adjust", "src-nat-done", "dst-nat-done",
		"dying", "fixed-timeout", "template", "clash", "helper", "offload", "hw-offload",
	}
}

// Names lists the bits that are set, lowest first. A bit that has no name is written as a number, 0x10000.
func (s Status) Names() []string {
	known := statusNames()
	names := make([]string, 0, bits.OnesCount32(uint32(s)))
	for i := range 32 {
		bit := Status(1) << i
		switch {
		case s&bit == 0:
		case i < len(known):
			names = append(names, known[i])
		default:
			names = append(names, fmt.Sprintf("%#x", uint32(bit)))
		}
	}
	return names
}

// String joins Names with commas.
func (s Status) String() string { return strings.Join(s.Names(), ",") }

// parseStatus reads one of Names.
func parseStatus(s string) (Status, error) {
	for i, name := range statusNames() {
		if s == name {
			return 1 << i, nil
		}
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("flow status %q: unknown", s)
	}
	return Status(n), nil
}

// MarshalJSON writes Names as an array.
func (s Status) MarshalJSON() ([]byte, error) { return json.Marshal(s.Names()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Status) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	*s = 0
	for _, name := range names {
		bit, err := parseStatus(name)
		if err != nil {
			return err
		}
		*s |= bit
	}
	return nil
}
