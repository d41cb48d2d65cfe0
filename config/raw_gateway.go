package config

type rawGateway struct {
	Description   text    `toml:"description" doc:"Free text."`
	Interface     text    `toml:"interface" doc:"The interface that it is behind." need:"true"`
	Address       text    `toml:"address" doc:"Its address; or \"dhcp\" where a DHCP or PPP client learns it, \"ra\" where IPv6 router advertisements bring it." need:"true"`
	OnLink        boolean `toml:"on_link" doc:"It is reached directly, although its address is in no network of the interface." default:"false"`
	Weight        number  `toml:"weight" doc:"Its share among the gateways of its tier." default:"1" min:"1" max:"256"`
	Monitor       list    `toml:"monitor" doc:"What is asked through it: \"192.0.2.53\" by ICMP, \"tcp://192.0.2.7:443\", \"dns://192.0.2.53/example.org\"; an empty list watches the link alone." default:"its own address, by ICMP" empty:"true"`
	Quorum        number  `toml:"quorum" doc:"How many of monitor have to answer; with fewer it is down." default:"1" min:"1" max:"16"`
	Interval      text    `toml:"interval" doc:"From one question to the next, of each target; 10ms to 1m." default:"\"500ms\""`
	Timeout       text    `toml:"timeout" doc:"An answer that takes longer is lost; 10ms up to window." default:"\"2s\""`
	Window        text    `toml:"window" doc:"The time over which loss, delay and jitter are reckoned; up to 10m." default:"\"30s\""`
	LossWarning   number  `toml:"loss_warning" doc:"Percent of lost answers from which it has a warning; 0: none." default:"10" min:"0" max:"100"`
	LossDown      number  `toml:"loss_down" doc:"Percent of lost answers from which it is down; 0: none." default:"20" min:"0" max:"100"`
	DelayWarning  text    `toml:"delay_warning" doc:"Mean delay from which it has a warning; \"0s\": none." default:"\"200ms\""`
	DelayDown     text    `toml:"delay_down" doc:"Mean delay from which it is down; \"0s\": none." default:"\"500ms\""`
	JitterWarning text    `toml:"jitter_warning" doc:"Mean deviation of the delay from which it has a warning." default:"none"`
	JitterDown    text    `toml:"jitter_down" doc:"Mean deviation of the delay from which it is down." default:"none"`
	DownAfter     text    `toml:"down_after" doc:"Silent for so long, it is down." default:"\"2s\""`
	UpAfter       text    `toml:"up_after" doc:"Well for so long, it is up again." default:"\"10s\""`
	ForceDown     boolean `toml:"force_down" doc:"It is down, whatever its targets answer." default:"false"`
	OnDown        text    `toml:"on_down" doc:"While it is down, for rules that name it and not a group. next: as if the rule were not there; block: blocked; default-route: the routing table decides." default:"\"next\"" enum:"next,block,default-route"`
	FailOver      text    `toml:"fail_over" doc:"When it goes down, for rules that name it and not a group; the words are those of gateway_group." default:"\"move\"" enum:"move,end,keep"`
}

type rawGatewayGroup struct {
	Description text    `toml:"description" doc:"Free text."`
	Tiers       grid    `toml:"tiers" doc:"Lists of gateways; those in one list share the load, the next list is the fallback." need:"true"`
	Trigger     list    `toml:"trigger" doc:"Warnings that make new flows avoid a gateway, beside its being down." default:"none" enum:"loss,delay,jitter"`
	Sticky      boolean `toml:"sticky" doc:"A source keeps its gateway as long as that is usable." default:"false"`
	OnDown      text    `toml:"on_down" doc:"What happens to new traffic when no gateway of the group lives. next: as if the rule or route were not there; block: blocked; default-route: the routing table decides." default:"\"next\"" enum:"next,block,default-route"`
	FailOver    text    `toml:"fail_over" doc:"What becomes of the flows on a gateway that goes down. move: those that are not translated go on by another, the others are ended; end: all are ended; keep: all stay." default:"\"move\"" enum:"move,end,keep"`
	FailBack    text    `toml:"fail_back" doc:"What becomes of the flows on a later tier when an earlier one is usable again. keep: they stay; drain: they are ended after a time; end: at once." default:"\"keep\"" enum:"keep,drain,end"`
	Drain       text    `toml:"drain" doc:"That time; only with fail_back = \"drain\"." default:"\"10m\""`
}

type rawRoute struct {
	Destination text   `toml:"destination" doc:"The network, an alias of networks as \"@name\", or \"default\"." need:"true"`
	Gateway     text   `toml:"gateway" doc:"Gateway or gateway group; needed unless kind says that the route leads nowhere."`
	Kind        text   `toml:"kind" doc:"unicast: to the gateway; blackhole: dropped silently; unreachable, prohibit: refused with an ICMP message." default:"\"unicast\"" enum:"unicast,blackhole,unreachable,prohibit"`
	Metric      number `toml:"metric" doc:"The lower one is preferred." default:"0" min:"0" max:"65535"`
}
