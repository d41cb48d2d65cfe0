package flows

import (
	"encoding/json"
	"net/netip"
	"time"
)

// tupleJSON is a tuple as the API shows it: addresses and ports apart, ICMP only where it is meant.
type tupleJSON struct {
	Proto   Proto      `json:"proto"`
	Src     netip.Addr `json:"src"`
	SrcPort uint16     `json:"src_port,omitempty"`
	Dst     netip.Addr `json:"dst"`
	DstPort uint16     `json:"dst_port,omitempty"`
	ICMP    *ICMP      `json:"icmp,omitempty"`
}

// MarshalJSON writes proto, src, src_port, dst, dst_port and, for ICMP, icmp with id, type and code.
func (t Tuple) MarshalJSON() ([]byte, error) {
	out := tupleJSON{t.Proto, t.Src.Addr(), t.Src.Port(), t.Dst.Addr(), t.Dst.Port(), nil}
	if t.Proto == ProtoICMP || t.Proto == ProtoICMPv6 {
		out.ICMP = &t.ICMP
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tuple) UnmarshalJSON(b []byte) error {
	var in tupleJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*t = Tuple{Proto: in.Proto, Src: netip.AddrPortFrom(in.Src, in.SrcPort), Dst: netip.AddrPortFrom(in.Dst, in.DstPort)}
	if in.ICMP != nil {
		t.ICMP = *in.ICMP
	}
	return nil
}

// plainFlow has the fields of a Flow and none of its methods, so that they can be marshalled as they are.
type plainFlow Flow

// flowJSON adds what the fields alone would show badly.
type flowJSON struct {
	plainFlow
	Timeout int64 `json:"timeout_seconds"`
}

// MarshalJSON writes the fields by their tags and the timeout in seconds.
func (f Flow) MarshalJSON() ([]byte, error) {
	return json.Marshal(flowJSON{plainFlow(f), int64(f.Timeout / time.Second)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Flow) UnmarshalJSON(b []byte) error {
	var in flowJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*f = Flow(in.plainFlow)
	f.Timeout = time.Duration(in.Timeout) * time.Second
	return nil
}
