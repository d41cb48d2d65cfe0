package report

import "net/netip"

// Route is a route that the policy asks for.
type Route struct {
	Destination netip.Prefix `json:"destination,omitzero"` // absent: its alias holds nothing for it
	Alias       string       `json:"alias,omitempty"`      // of which the destination is a part
	Kind        string       `json:"kind"`                 // unicast, blackhole, unreachable or prohibit
	Gateway     string       `json:"gateway,omitempty"`    // gateway or gateway group, of unicast
	Ways        []RouteWay   `json:"ways,omitempty"`       // that it has now; several share the flows by weight
	Metric      int          `json:"metric,omitempty"`
	Table       int          `json:"table,omitempty"` // of a gateway; absent: the main one
	Installed   bool         `json:"installed"`       // the kernel has it as it should be now
	Reason      string       `json:"reason,omitempty"`
}

// RouteWay is a way that packets of a route may take.
type RouteWay struct {
	Gateway   string     `json:"gateway,omitempty"`
	Via       netip.Addr `json:"via,omitzero"` // absent: the link itself
	Interface string     `json:"interface"`
	Weight    int        `json:"weight,omitempty"` // where there are several
}

// VIP is a virtual address of the policy.
type VIP struct {
	Interface string       `json:"interface"`
	Kind      string       `json:"kind"` // alias or proxy_arp
	Address   netip.Prefix `json:"address"`
}

// Target is an inside host of a port forward that is asked whether it lives.
type Target struct {
	Address netip.Addr `json:"address"`
	Silent  bool       `json:"silent,omitempty"` // it does not answer
}
