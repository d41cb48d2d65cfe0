package wire

import (
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// TestOnlyKinds holds the filter of ports against Parse: it keeps every frame that Parse
// knows, and drops others.
func TestOnlyKinds(t *testing.T) {
	vm, err := bpf.NewVM(onlyKinds())
	if err != nil {
		t.Fatal(err)
	}
	keeps := func(frame []byte) bool {
		n, err := vm.Run(frame)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	frames := make(map[string][]byte)
	for _, c := range frameCases() {
		if !keeps(c.frame) {
			t.Errorf("%s: dropped", c.name)
		}
		for i := range c.frame {
			keeps(c.frame[:i]) // without a fault
		}
		frames[c.name] = c.frame
	}
	optioned := slices.Insert(slices.Clone(frames["heartbeat"]), etherHeader+ipv4Header, 1, 1, 1, 1)
	optioned[etherHeader]++
	if !keeps(optioned) {
		t.Error("heartbeat after IPv4 options: dropped")
	}
	for _, c := range []struct {
		name, of string
		at       int
		to       byte
	}{
		{"another Ethernet type", "CARP", 13, 1},
		{"TCP", "CARP", atProtocol4, 6},
		{"TCP in IPv6", "CARP IPv6", atProtocol6, 6},
		{"another UDP port", "heartbeat", etherHeader + ipv4Header + 3, 53},
		{"another UDP port in IPv6", "heartbeat IPv6", atBody6 + 3, 53},
		{"first fragment of UDP", "heartbeat", atFragment4, 0x20},
		{"last fragment of UDP", "heartbeat", atFragment4 + 1, 1},
		{"echo request", "echo", etherHeader + ipv4Header, echoRequest4},
		{"ICMPv6 echo request", "echo IPv6", atBody6, echoRequest6},
		{"router advertisement", "announcement IPv6", atBody6, 134},
	} {
		frame := slices.Clone(frames[c.of])
		if frame[c.at] == c.to {
			t.Fatalf("%s: changes nothing", c.name)
		}
		frame[c.at] = c.to
		if keeps(frame) {
			t.Errorf("%s: kept", c.name)
		}
	}
}
