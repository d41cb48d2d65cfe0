package nat

// Kind is what translated a packet: the table of the policy, or an automatism.
type Kind int

// The kinds of translations.
const (
	None Kind = iota
	PortForward
	OneToOne
	Prefix
	Reflection // a translation that leads back into the segment that it was asked from
	Outbound
	Automatic // nat.outbound
)

// String is the key of the policy that brings the translation about.
func (k Kind) String() string {
	switch k {
	case PortForward:
		return "port_forward"
	case OneToOne:
		return "one_to_one"
	case Prefix:
		return "prefix"
	case Reflection:
		return "nat.reflection"
	case Outbound:
		return "outbound"
	case Automatic:
		return "nat.outbound"
	}
	return "none"
}
