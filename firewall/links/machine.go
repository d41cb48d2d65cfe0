package links

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Machine is what was found: every device, the routes and rules of ours, the
// proxy entries, and the values of the kernel settings that were asked for. A
// setting that the kernel does not have is absent from Sysctls.
type Machine struct {
	Devices []Device
	Routes  []Route
	Rules   []Rule
	Proxies []FoundProxy
	Sysctls map[string]string
	Fixed   map[string]bool // of Sysctls, those that are wanted otherwise and can only be read
}

// Device is a network device as the kernel has it.
type Device struct {
	Index   int
	Name    string
	Kind    string // "device" for hardware, else rtnetlink's kind: veth, vlan, bridge
	MAC     net.HardwareAddr
	MTU     int
	Up      bool // set up by an administrator
	Carrier bool
	State   OperState
	// Addresses are all of the device, of point-to-point ones the own end;
	// temporary ones (RFC 8981) come last.
	Addresses []netip.Prefix
	// Unsettled are those of Addresses that are not to be spoken from: tentative,
	// a duplicate, or deprecated.
	Unsettled []netip.Prefix
	Counters  Counters
}

// Counters are a device's totals since it was made.
type Counters struct {
	RxBytes   uint64 `json:"rx_bytes"`
	RxPackets uint64 `json:"rx_packets"`
	RxErrors  uint64 `json:"rx_errors"`
	RxDrops   uint64 `json:"rx_drops"`
	TxBytes   uint64 `json:"tx_bytes"`
	TxPackets uint64 `json:"tx_packets"`
	TxErrors  uint64 `json:"tx_errors"`
	TxDrops   uint64 `json:"tx_drops"`
}

// OperState is RFC 2863's operational state, numbered as the kernel does.
type OperState uint8

// The operational states of operstates.rst.
const (
	OperUnknown OperState = iota
	OperNotPresent
	OperDown
	OperLowerLayerDown
	OperTesting
	OperDormant
	OperUp
)

var operStates = [...]string{"unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up"}

// String is the state in the words of ip-link(8), lower case.
func (s OperState) String() string {
	if int(s) < len(operStates) {
		return operStates[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// MarshalText prints the state's word.
func (s OperState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Kernel is what the Owner needs of the machine. Netlink is the real one and
// Fake one in memory.
type Kernel interface {
	// Identity names the boot and the network namespace: a record that was
	// made under another one says nothing.
	Identity() (string, error)
	// Devices lists every network device.
	Devices() ([]Device, error)
	// Routes lists the routes that carry Protocol, of every table.
	Routes() ([]Route, error)
	// Defaults lists the default routes of the main table that do not carry
	// Protocol and lead somewhere.
	Defaults() ([]Route, error)
	// Rules lists the rules of policy routing that carry Protocol.
	Rules() ([]Rule, error)
	// Proxies lists the proxy entries of all devices.
	Proxies() ([]FoundProxy, error)
	// Sysctl reads a setting, without its line end. The error is fs.ErrNotExist
	// where the kernel has none of that name.
	Sysctl(path string) (string, error)
	// Settable says whether a setting can be written, and writes nothing.
	Settable(path string) (bool, error)
	// Do makes one change. Removing what is not there is done already, and
	// ErrRouteBeside means that it is done.
	Do(Op) error
	// Watch calls changed once it listens, and after each change of devices,
	// addresses, routes or rules that may concern a State or Learned. It returns nil when ctx
	// ends, and an error when changes may have been lost.
	Watch(ctx context.Context, changed func()) error
}
