package config

// The raw structs say what the language's keys are called and what TOML type
// they have; the parser gives them their meaning. The tags are read by the
// decoder, the JSON schema and the key tables of the documentation:
//
//	toml     the key
//	doc      its meaning in one line
//	default  what holds when it is absent, in words or as it would be written
//	need     "true": the table is wrong without it; "policy", "node": in that file
//	enum     the words that it may be
//	min, max the range of a number
//	item     "integer": a list that takes numbers as well as strings
//	empty    "true": a list that says something even without items
//	node     "true": belongs to one machine; the only keys that node.toml takes.
//	         "only": would be wrong in the policy, which is the same on two nodes

type rawPolicy struct {
	Format number `toml:"schema" doc:"Version of the policy language." need:"policy" min:"1" max:"1"`
	Name   text   `toml:"name" doc:"Name of this machine." default:"its host name" node:"true"`

	System    section[rawSystem]      `toml:"system" doc:"The gateway as a whole."`
	Interface named[rawInterface]     `toml:"interface" doc:"A network that the gateway is part of, by the name that the policy uses for it." node:"true"`
	Zone      named[rawZone]          `toml:"zone" doc:"Interfaces that rules speak of together."`
	Alias     named[rawAlias]         `toml:"alias" doc:"Addresses or ports under a name, used as \"@name\"."`
	Schedule  named[rawSchedule]      `toml:"schedule" doc:"When a rule is on."`
	Rule      ordered[rawRule]        `toml:"rule" doc:"A filter rule. The first that matches a new flow decides it; when none does, it is blocked."`
	NAT       section[rawNAT]         `toml:"nat" doc:"Address translation as a whole."`
	Forward   ordered[rawPortForward] `toml:"port_forward" doc:"Sends what arrives for an outside port to an inside host."`
	Outbound  ordered[rawOutbound]    `toml:"outbound" doc:"Gives traffic that leaves another source address."`
	OneToOne  ordered[rawOneToOne]    `toml:"one_to_one" doc:"Ties an outside address or network to an inside one, both ways."`
	Prefix    ordered[rawPrefix]      `toml:"prefix" doc:"Translates an IPv6 prefix into another, both ways: the rest of the address stays."`

	Gateway named[rawGateway]      `toml:"gateway" doc:"A next hop."`
	Group   named[rawGatewayGroup] `toml:"gateway_group" doc:"Gateways in order of preference."`
	Route   ordered[rawRoute]      `toml:"route" doc:"A static route."`
	Shaper  named[rawShaper]       `toml:"shaper" doc:"What an interface can carry, by the interface's name."`
	Queue   named[rawQueue]        `toml:"queue" doc:"A share of an interface."`
	Limiter named[rawLimiter]      `toml:"limiter" doc:"An upper bound, for all or for each host."`
	App     named[rawApplication]  `toml:"application" doc:"Traffic known by the names it speaks to."`
	Shape   ordered[rawShape]      `toml:"shape" doc:"Which traffic goes into which queue or limiter; the first match decides."`
	HA      section[rawHA]         `toml:"ha" doc:"A pair of gateways that share the policy." node:"true"`
	HAGroup named[rawHAGroup]      `toml:"ha_group" doc:"Virtual addresses that move together. Only with [ha]."`
	HACheck named[rawHACheck]      `toml:"ha_check" doc:"A command that says whether the node is fit. Only with [ha]."`
	VIP     ordered[rawVIP]        `toml:"vip" doc:"A virtual address: one that moves with the role, or one that stays."`
	Test    ordered[rawTest]       `toml:"test" doc:"A packet and what must become of it, tried before every apply."`
}

type rawSystem struct {
	Domain     text    `toml:"domain" doc:"DNS domain of the site."`
	Timezone   text    `toml:"timezone" doc:"IANA zone in which schedules are read, such as \"Europe/Paris\"." default:"\"UTC\""`
	Admin      list    `toml:"admin" doc:"Who always reaches the gateway on admin_ports, whatever the rules say." default:"nobody"`
	AdminPorts list    `toml:"admin_ports" doc:"TCP ports of the gateway that administration needs." default:"[\"ssh\", 443]" item:"integer"`
	LogDefault boolean `toml:"log_default" doc:"Log packets that no rule decided." default:"true"`
}

type rawInterface struct {
	Description  text    `toml:"description" doc:"Free text."`
	External     boolean `toml:"external" doc:"The Internet is behind it: outbound NAT leaves by it, and the three keys below default to true." default:"false"`
	BlockBogons  boolean `toml:"block_bogons" doc:"Drop what comes from addresses that nobody has been given." default:"external"`
	BlockPrivate boolean `toml:"block_private" doc:"Drop what comes from private addresses." default:"external"`
	AntiSpoof    boolean `toml:"antispoof" doc:"Drop what claims to come from a network of another interface." default:"external"`
	Device       text    `toml:"device" doc:"The kernel's name of the device." node:"true"`
	MAC          text    `toml:"mac" doc:"Hardware address that selects the device, instead of its name." node:"true"`
	MTU          number  `toml:"mtu" doc:"Largest packet in bytes." default:"left as it is" min:"68" max:"65535"`
	Addresses    list    `toml:"addresses" doc:"This machine's addresses on it, each with its prefix length." default:"left as they are" node:"true"`
	Peer         list    `toml:"peer" doc:"The other node's own addresses on it, one of a family: CARP and heartbeats go there and not to all. Only with [ha]." default:"multicast" node:"only"`
}

type rawZone struct {
	Description text `toml:"description" doc:"Free text."`
	Interfaces  list `toml:"interfaces" doc:"The interfaces in it." need:"true"`
}

type rawAlias struct {
	Description text    `toml:"description" doc:"Free text."`
	Addresses   list    `toml:"addresses" doc:"Addresses, networks, ranges, names, \"@alias\"; a leading \"!\" excludes."`
	Ports       list    `toml:"ports" doc:"Ports, ranges, service names, \"@alias\"; a leading \"!\" excludes." item:"integer"`
	URL         text    `toml:"url" doc:"Where a list of addresses is fetched from: http, https or file."`
	Refresh     text    `toml:"refresh" doc:"How often the list is fetched." default:"\"24h\""`
	Dynamic     boolean `toml:"dynamic" doc:"Rules fill it (limits.overload), time empties it." default:"false"`
	Timeout     text    `toml:"timeout" doc:"How long an address stays in a dynamic alias." default:"for ever"`
	Size        number  `toml:"size" doc:"Most addresses of one family that a dynamic alias holds." default:"65536" min:"1" max:"16777216"`
}

type rawSchedule struct {
	Description text `toml:"description" doc:"Free text."`
	Times       list `toml:"times" doc:"Spans such as \"mon-fri 08:00-18:30\", \"2026-12-24 08:00-12:00\" or \"12-24..12-26\"; any of them is enough." need:"true"`
	Except      list `toml:"except" doc:"Days on which it is off all the same, such as \"2026-12-25\" or \"12-24..12-26\"."`
}

type rawRule struct {
	Name        text               `toml:"name" doc:"Unique and stable: counters, logs and flows speak of it." need:"true"`
	Description text               `toml:"description" doc:"Free text."`
	Disabled    boolean            `toml:"disabled" doc:"Leave it out for now." default:"false"`
	From        text               `toml:"from" doc:"Interface or zone that the packet comes in by." default:"\"any\""`
	To          text               `toml:"to" doc:"Interface or zone that it leaves by, or \"self\": the gateway." default:"\"any\""`
	Source      list               `toml:"source" doc:"Where it comes from." default:"\"any\""`
	Destination list               `toml:"destination" doc:"Where it goes, after inbound translation." default:"\"any\""`
	Protocol    list               `toml:"protocol" doc:"Protocols by name or number." default:"any" item:"integer"`
	SourcePort  list               `toml:"source_port" doc:"Source ports." default:"any" item:"integer"`
	Port        list               `toml:"port" doc:"Destination ports, after inbound translation." default:"any" item:"integer"`
	ICMP        list               `toml:"icmp" doc:"ICMP or ICMPv6 types by name, number or \"type/code\"." default:"any" item:"integer"`
	TCPFlags    list               `toml:"tcp_flags" doc:"Flags that are set, or with \"!\" not set." default:"any"`
	Action      text               `toml:"action" doc:"What becomes of it: block is silent, reject answers." need:"true" enum:"pass,block,reject"`
	Log         boolean            `toml:"log" doc:"Log the first packet of each flow that it decides." default:"false"`
	Schedule    text               `toml:"schedule" doc:"Outside it the rule does not exist, and its flows are ended." default:"always"`
	Gateway     text               `toml:"gateway" doc:"Gateway or gateway group that the flow leaves by." default:"the routing table"`
	FailOver    text               `toml:"fail_over" doc:"What becomes of its flows when their gateway goes down." default:"as the gateway or group says" enum:"move,end,keep"`
	FailBack    text               `toml:"fail_back" doc:"What becomes of its flows on a later tier when an earlier one is usable again." default:"as the group says" enum:"keep,drain,end"`
	Drain       text               `toml:"drain" doc:"The time after which they are ended; only with fail_back = \"drain\" in the same rule." default:"as the group says, or 10m"`
	Limits      section[rawLimits] `toml:"limits" doc:"How many flows it lets in."`
}

type rawLimits struct {
	Flows          number `toml:"flows" doc:"Flows at once, all together." default:"no limit" min:"1" max:"100000000"`
	FlowsPerSource number `toml:"flows_per_source" doc:"Flows at once from one address." default:"no limit" min:"1" max:"100000000"`
	RatePerSource  text   `toml:"rate_per_source" doc:"New flows from one address, such as \"30/10s\"." default:"no limit"`
	Overload       text   `toml:"overload" doc:"Dynamic alias that takes an address which is over a limit, as \"@name\"; its flows are ended." default:"none"`
}
