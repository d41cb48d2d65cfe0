package config

type rawNAT struct {
	Outbound   text    `toml:"outbound" doc:"automatic: inside networks leave as the external interface; hybrid: [[outbound]] first, then automatic; manual: [[outbound]] alone; off: nothing." default:"\"automatic\"" enum:"automatic,hybrid,manual,off"`
	Reflection boolean `toml:"reflection" doc:"Inside hosts reach port forwards by their outside address; one that shares its network with the server is seen as the gateway." default:"false"`
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
	Target      list    `toml:"target" doc:"The inside hosts; several are spread by source." need:"true"`
	TargetPort  number  `toml:"target_port" doc:"Port there; for a range, the first of it." default:"the same" min:"1" max:"65535"`
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
	Address     text    `toml:"address" doc:"The source address that it leaves with." default:"for IPv4 the interface's virtual address, or its own"`
}

type rawOneToOne struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"The outside interface." need:"true"`
	External    text    `toml:"external" doc:"The outside address or network. In a network of the interface, the gateway answers for it." need:"true"`
	Internal    text    `toml:"internal" doc:"The inside address or network, of the same length." need:"true"`
}

type rawPrefix struct {
	Name        text    `toml:"name" doc:"Unique among rules and translations." need:"true"`
	Description text    `toml:"description" doc:"Free text."`
	Disabled    boolean `toml:"disabled" doc:"Leave it out for now." default:"false"`
	On          text    `toml:"on" doc:"The outside interface." need:"true"`
	External    text    `toml:"external" doc:"The outside prefix, /64 or shorter." need:"true"`
	Internal    text    `toml:"internal" doc:"The inside prefix, of the same length." need:"true"`
}
