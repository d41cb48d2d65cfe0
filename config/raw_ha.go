package config

type rawShaper struct {
	Upload   text `toml:"upload" doc:"What it can send, such as \"20Mbit\"."`
	Download text `toml:"download" doc:"What it can receive."`
}

type rawQueue struct {
	On         text   `toml:"on" doc:"The interface, which has a [shaper]." need:"true"`
	Guaranteed text   `toml:"guaranteed" doc:"The rate that it always gets." default:"none"`
	Priority   number `toml:"priority" doc:"1 is served first." default:"4" min:"1" max:"7"`
}

type rawLimiter struct {
	Upload   text `toml:"upload" doc:"Most that goes out, such as \"2Mbit\"." default:"no limit"`
	Download text `toml:"download" doc:"Most that comes in." default:"no limit"`
	Per      text `toml:"per" doc:"source: each host its own; all: shared." default:"\"all\"" enum:"source,all"`
}

type rawApplication struct {
	Domains list `toml:"domains" doc:"Names it speaks to; a leading \"*.\" takes every name below." need:"true"`
}

type rawShape struct {
	Name        text `toml:"name" doc:"Unique among shapes." need:"true"`
	From        text `toml:"from" doc:"Interface or zone that the packet comes in by." default:"\"any\""`
	To          text `toml:"to" doc:"Interface or zone that it leaves by." default:"\"any\""`
	Source      list `toml:"source" doc:"Where it comes from." default:"\"any\""`
	Destination list `toml:"destination" doc:"Where it goes." default:"\"any\""`
	Protocol    list `toml:"protocol" doc:"Protocols by name or number." default:"any" item:"integer"`
	Port        list `toml:"port" doc:"Destination ports." default:"any" item:"integer"`
	Application text `toml:"application" doc:"What it is, by the names it speaks to." default:"any"`
	Queue       text `toml:"queue" doc:"The queue it goes into."`
	Limiter     text `toml:"limiter" doc:"The limiter it is under."`
}

type rawHA struct {
	Preempt   boolean `toml:"preempt" doc:"The node with the lower advskew takes the role back when it returns." default:"true"`
	Interval  text    `toml:"interval" doc:"How often the master speaks." default:"\"100ms\""`
	Secret    text    `toml:"secret" doc:"The CARP password: \"file:NAME\", a file beside the policy that is never synchronised in clear." need:"policy"`
	Interface text    `toml:"interface" doc:"The cable between the nodes: flows, revisions and heartbeats go over it." need:"policy"`
	Sections  list    `toml:"sections" doc:"What config sync carries." default:"all of them" enum:"rules,nat,aliases,schedules,routes,vips,shaper"`
	AdvSkew   number  `toml:"advskew" doc:"The lower of the two is the preferred master." default:"0" min:"0" max:"254" node:"true"`
	Peer      text    `toml:"peer" doc:"The other node's address on the cable." default:"multicast" node:"true"`
}

type rawVIP struct {
	Kind      text   `toml:"kind" doc:"carp: moves with the role; alias: a further address of the interface; proxy_arp: the gateway answers for it and does not have it, also in IPv6." default:"\"carp\"" enum:"carp,alias,proxy_arp"`
	Interface text   `toml:"interface" doc:"The interface that it is on." need:"true"`
	Address   text   `toml:"address" doc:"The address with its prefix length; of proxy_arp an address or a network, 1024 addresses at most." need:"true"`
	VHID      number `toml:"vhid" doc:"CARP's number of the virtual host; further addresses may ride on it. Only with kind = \"carp\"." default:"none: follows the role without CARP" min:"1" max:"255"`
}

type rawTest struct {
	Name        text `toml:"name" doc:"What it proves." need:"true"`
	Packet      text `toml:"packet" doc:"Such as \"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443\"." need:"true"`
	At          text `toml:"at" doc:"When, such as \"2026-11-23T03:00:00+01:00\"." default:"now"`
	Expect      text `toml:"expect" doc:"What must become of it." need:"true" enum:"pass,block,reject"`
	Rule        text `toml:"rule" doc:"The rule that must decide it." default:"whichever"`
	Source      text `toml:"source" doc:"The source address that it must leave with." default:"whichever"`
	Destination text `toml:"destination" doc:"The destination that it must leave with." default:"whichever"`
	Gateway     text `toml:"gateway" doc:"The gateway that it must leave by." default:"whichever"`
	Down        list `toml:"down" doc:"Gateways that are taken to be down." default:"none"`
}
