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
	Preempt    boolean `toml:"preempt" doc:"The better node takes the role back when it returns." default:"true"`
	Interval   text    `toml:"interval" doc:"From one heartbeat to the next, 10ms to 10s: a node that is dead is known to be after a few of them." default:"\"100ms\""`
	Secret     text    `toml:"secret" doc:"Where the CARP password is: \"file:NAME\", a file beside the policy with 1 to 19 characters, never synchronised in clear." need:"policy"`
	Interface  text    `toml:"interface" doc:"The cable between the nodes: heartbeats and the connection of the daemons go over it." need:"policy"`
	Sections   list    `toml:"sections" doc:"What of the policy both nodes have; of what is not named each has its own." default:"all of them" enum:"rules,nat,aliases,schedules,routes,vips,shaper"`
	AdvBase    number  `toml:"advbase" doc:"Seconds between CARP advertisements. The two nodes do not depend on them; others on the network do." default:"1" min:"1" max:"254"`
	AdvSkew    number  `toml:"advskew" doc:"The lower of the two is the preferred master." need:"node" min:"0" max:"254" node:"only"`
	Peer       text    `toml:"peer" doc:"The other node's address on the cable." default:"multicast" node:"only"`
	VirtualMAC boolean `toml:"virtual_mac" doc:"The virtual addresses of a vhid are reached by CARP's hardware address, which moves with them." default:"false"`
	FlowTable  number  `toml:"flow_table" doc:"How many flows the kernel's table has room for, on both nodes: a flow of the one has to fit into the other. A million takes about 400 MB when it is full." default:"what the machine has" min:"1024" max:"16777216"`
	StrictTCP  boolean `toml:"strict_tcp" doc:"TCP connections taken over are tracked strictly again once both ends were heard: what is out of their windows is dropped." default:"false"`
	Services   list    `toml:"services" doc:"Units of the service manager that run on the master alone, such as \"dnsmasq.service\"." default:"none"`
	Gateways   list    `toml:"gateways" doc:"Gateways and gateway groups; a node that loses one is worse than one that has it." default:"none"`
}

type rawHAGroup struct {
	Preferred text `toml:"preferred" doc:"Name of the node that is to be master of the group." default:"the one with the lower advskew"`
}

type rawHACheck struct {
	Command  list   `toml:"command" doc:"Program by its whole path, with its arguments; the node is fit when it exits with 0." need:"true"`
	Interval text   `toml:"interval" doc:"From one run to the next; 100ms to 1h." default:"\"5s\""`
	Timeout  text   `toml:"timeout" doc:"A run that takes longer is ended and has failed; up to interval." default:"\"2s\""`
	Fall     number `toml:"fall" doc:"So many failures in a row count." default:"3" min:"1" max:"100"`
	Rise     number `toml:"rise" doc:"So many successes in a row make good for them." default:"2" min:"1" max:"100"`
	Weight   number `toml:"weight" doc:"How much worse it makes the node." default:"1" min:"1" max:"200"`
}

type rawVIP struct {
	Kind      text   `toml:"kind" doc:"carp: moves with the role, needs [ha]; alias: a further address of the interface; proxy_arp: the gateway answers for it and does not have it, also in IPv6. The last two are for a gateway without [ha]." default:"\"carp\"" enum:"carp,alias,proxy_arp"`
	Interface text   `toml:"interface" doc:"The interface that it is on." need:"true"`
	Address   text   `toml:"address" doc:"The address with its prefix length; of proxy_arp an address or a network, 1024 addresses at most." need:"true"`
	VHID      number `toml:"vhid" doc:"CARP's number of the virtual host, of one group on an interface; further addresses may ride on it. Only with kind = \"carp\"." default:"none: follows its group without CARP" min:"1" max:"255"`
	Group     text   `toml:"group" doc:"The [ha_group] that it moves with. Only with kind = \"carp\"." default:"\"main\", which needs no table"`
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
