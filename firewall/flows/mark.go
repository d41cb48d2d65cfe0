package flows

import "fmt"

// The mark of a flow says who let it in and where it goes. The ruleset writes it when the flow is new; it lives as long as the
// flow and goes over to the peer with it. From the lowest bit:
//
//	bits  0-15  rule: the stable number of the rule's name; 0 is no rule
//	bits 16-23  gateway: the number of the gateway it leaves by; 0 is the routing table
//	bits 24-31  class: the shaping class; 0 is the default class
const (
	RuleMask    uint32 = 0x0000ffff // RuleMask covers the rule's number in a mark.
	GatewayMask uint32 = 0x00ff0000 // GatewayMask covers the gateway's number in a mark.
	ClassMask   uint32 = 0xff000000 // ClassMask covers the shaping class in a mark.

	GatewayShift = 16 // GatewayShift is the position of the gateway's lowest bit.
	ClassShift   = 24 // ClassShift is the position of the class's lowest bit.
)

// Mark returns the mark of a flow that the numbered rule let in, that leaves by the numbered gateway and is shaped as class.
func Mark(rule uint16, gateway, class uint8) uint32 {
	return uint32(rule) | uint32(gateway)<<GatewayShift | uint32(class)<<ClassShift
}

// Bits is a part of a mark: those bits of Value that Mask covers.
type Bits struct{ Value, Mask uint32 }

// RuleBits is the part of a mark that names the rule.
func RuleBits(rule uint16) Bits { return Bits{uint32(rule), RuleMask} }

// GatewayBits is the part of a mark that names the gateway.
func GatewayBits(gateway uint8) Bits { return Bits{uint32(gateway) << GatewayShift, GatewayMask} }

// In reports whether the mark has the bits.
func (b Bits) In(mark uint32) bool { return (mark^b.Value)&b.Mask == 0 }

// On returns the mark with the bits in place of its own.
func (b Bits) On(mark uint32) uint32 { return mark&^b.Mask | b.Value&b.Mask }

// String is the bits as nft and conntrack(8) take them, 0x20000/0xff0000.
func (b Bits) String() string { return fmt.Sprintf("%#x/%#x", b.Value, b.Mask) }

// Rule is the number of the rule that let the flow in, 0 if none did.
func (f Flow) Rule() uint16 { return uint16(f.Mark & RuleMask) }

// Gateway is the number of the gateway that the flow leaves by, 0 if the routing table decides.
func (f Flow) Gateway() uint8 { return uint8(f.Mark & GatewayMask >> GatewayShift) }

// Class is the shaping class of the flow, 0 for the default class.
func (f Flow) Class() uint8 { return uint8(f.Mark & ClassMask >> ClassShift) }
