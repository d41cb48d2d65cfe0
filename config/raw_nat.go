package config

type rawNAT struct {
	Outbound   text    `toml:"outbound" doc:"automatic: inside networks leave as the external interface; hybrid: [[outbound]] first, then automatic; manual: [[outbound]] alone; off: nothing." default:"\"automatic\"" enum:"automatic,hybrid,manual,off"`
	Reflection boolean `toml:"reflection" doc:"Inside hosts reach port forwards and 1:1 translations by their outside address; one that shares its network with the server is seen as the gateway." default:"false"`
	Helpers    list    `toml:"helpers" doc:"Protocols that open further flows, which are let in and translated with the first: ftp on TCP port 21, sip on TCP and UDP 5060, tftp on UDP 69, pptp on TCP 1723, h323 on TCP 1720 and UDP 1719." default:"none" enum:"ftp,sip,tftp,pptp,h323"`
}

type rawPortForward struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"Interface that the packet comes in by." need:"true"`
	Source      list    `toml:"source" doc:"Who may use it." default:"\"any\""`
	Destination list    `toml:"destination" doc:"The outside address." default:"the interface's virtual address, or its own"`
	Protocol    list    `toml:"protocol" doc:"Protocols by name or number." need:"true" item:"integer"`
	Port        list    `toml:"port" doc:"The outside ports; needed for protocols that have ports." item:"integer"`
	Target      list    `toml:"target" doc:"The inside hosts; \"none\" alone leaves what matches as it is, and nothing else translates it." need:"true"`
	TargetPort  number  `toml:"target_port" doc:"Port there; for a range, the first of it." default:"the same" min:"1" max:"65535"`
	Spread      text    `toml:"spread" doc:"How flows are dealt out to several targets. source: one source always goes to the same one." default:"\"source\"" enum:"source,round-robin,random"`
	Weights     numbers `toml:"weights" doc:"The share of each target, in their order; targets are single addresses then." default:"all the same" min:"1" max:"256"`
	Check       text    `toml:"check" doc:"How targets are asked whether they live: \"icmp\", \"tcp\" (the target's port) or a port such as \"tcp:8080\". Those that are silent are left out, unless all are." default:"they are taken to live"`
	Interval    text    `toml:"check_interval" doc:"From one question to the next; 100ms to 10m." default:"\"5s\""`
	Reflection  boolean `toml:"reflection" doc:"Inside hosts reach it by its outside address." default:"nat.reflection"`
	Pass        boolean `toml:"pass" doc:"Let it in without a rule of its own." default:"false"`
	Log         boolean `toml:"log" doc:"Log the first packet of each flow." default:"false"`
}

type rawOutbound struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"Interface that the packet leaves by." need:"true"`
	Source      list    `toml:"source" doc:"Where it comes from." default:"\"any\""`
	Destination list    `toml:"destination" doc:"Where it goes." default:"\"any\""`
	Protocol    list    `toml:"protocol" doc:"Protocols by name or number." default:"any" item:"integer"`
	Port        list    `toml:"port" doc:"Destination ports." default:"any" item:"integer"`
	SourcePort  list    `toml:"source_port" doc:"Source ports." default:"any" item:"integer"`
	Address     text    `toml:"address" doc:"The source address that it leaves with; \"interface\": for IPv4 the interface's virtual address, or its own; \"none\": what matches leaves as it is." default:"\"interface\""`
	Pool        list    `toml:"pool" doc:"Addresses, ranges or \"@alias\" of one family to leave with, instead of address; 256 at most." default:"none"`
	Spread      text    `toml:"spread" doc:"How flows are dealt out to the pool. source: one source always leaves with the same address." default:"\"round-robin\"" enum:"source,round-robin,random"`
	Translated  text    `toml:"translated_ports" doc:"Source ports to leave with, such as \"20000-29999\"." default:"the packet's own where it is free"`
	StaticPort  boolean `toml:"static_port" doc:"The packet's own source port, or it does not leave." default:"false"`
}

type rawOneToOne struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"The outside interface." need:"true"`
	External    text    `toml:"external" doc:"The outside address or network. In a network of the interface, the gateway answers for it." need:"true"`
	Internal    text    `toml:"internal" doc:"The inside address or network, of the same length." need:"true"`
	Reflection  boolean `toml:"reflection" doc:"Inside hosts reach it by its outside address." default:"nat.reflection"`
}

type rawPrefix struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"The outside interface." need:"true"`
	External    text    `toml:"external" doc:"The outside prefix, /64 or shorter." need:"true"`
	Internal    text    `toml:"internal" doc:"The inside prefix, of the same length." need:"true"`
}
