package main

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

func sampleRules() []report.Rule {
	return []report.Rule{
		{Name: "web-in", Number: 9, Kind: "port_forward", Action: "translate", Text: "on wan tcp port 80, 443 -> 10.1.3.10", Active: true, Packets: 999, Bytes: 59940, LastHit: before(2 * time.Second)},
		{Name: "mail-in", Number: 10, Kind: "port_forward", Action: "translate", Text: "on wan tcp port 25 -> 10.1.3.20,10.1.3.21 check tcp:25 every 5s", Active: true,
			Targets: []report.Target{{Address: netip.MustParseAddr("10.1.3.20")}, {Address: netip.MustParseAddr("10.1.3.21"), Silent: true}}},
		{Name: "dns-in", Number: 11, Kind: "port_forward", Action: "translate", Text: "on wan udp port 53 -> 10.1.3.22 check icmp every 5s", Active: true,
			Targets: []report.Target{{Address: netip.MustParseAddr("10.1.3.22"), Silent: true}}},
		{Name: "lan-out", Number: 3, Kind: "rule", Action: "pass", Text: "from lan to wan", Schedule: "office", Active: true, Packets: 12345, Bytes: 987654, LastHit: before(3 * time.Minute)},
		{Name: "lan-out", Kind: "limit", Action: "block", Text: "at most 100 flows from each source", Active: true, Packets: 7, Bytes: 420, LastHit: before(26 * time.Hour)},
		{Name: "guests", Number: 5, Kind: "rule", Action: "pass", Text: "from guests to wan tcp port 80, 443", Schedule: "christmas"},
		{Name: "wan-web", Number: 4, Kind: "rule", Action: "pass", Text: "from wan to dmz tcp source !@bruteforce destination @web port 80, 443, 8000-8080", Active: true, Packets: 1, Bytes: 60, LastHit: before(0)},
		{Name: "old", Number: 6, Kind: "rule", Action: "reject", Text: "from lan to self", Disabled: true},
		{Name: "block-bad", Number: 7, Kind: "rule", Action: "block", Text: "source @drop_list", Active: true, Packets: 5_000_000_000, Bytes: 300_000_000_000_000},
		{Name: "mail-out", Number: 8, Kind: "outbound", Action: "translate", Text: "on wan source 10.1.3.20 as 203.0.113.6", Active: true},
	}
}

func sampleAliases() []report.Alias {
	return []report.Alias{
		{Name: "web", Kind: "addresses", Count: 2, UsedBy: []string{"wan-web"}},
		{Name: "drop_list", Kind: "list", Description: "who behaves badly", Count: 1021, UsedBy: []string{"block-bad"}, Sources: []report.AliasSource{
			{Name: "https://lists.example.org/drop.txt", Entries: 1021, LastSuccess: before(8 * time.Hour), Next: now().Add(4 * time.Hour)},
		}},
		{Name: "shrunk", Kind: "list", Count: 900, Sources: []report.AliasSource{
			{Name: "file:///srv/list", Entries: 900, LastSuccess: before(time.Hour), Held: true},
		}},
		{Name: "updates", Kind: "addresses", Count: 1, Sources: []report.AliasSource{
			{Name: "deb.example.org", Entries: 1, LastSuccess: before(time.Hour), LastError: "no such host", Next: now().Add(time.Minute)},
			{Name: "ftp.example.org"},
		}},
		{Name: "bruteforce", Kind: "dynamic", Count: 3, UsedBy: []string{"ssh-in", "wan-web"}},
	}
}

func sampleFlows() []flows.Flow {
	tuple := func(proto flows.Proto, src, dst string) flows.Tuple {
		return flows.Tuple{Proto: proto, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
	}
	return []flows.Flow{
		{
			Orig: tuple(6, "10.1.2.9:40000", "198.51.100.7:443"), Reply: tuple(6, "198.51.100.7:443", "203.0.113.2:40000"),
			Mark: flows.Mark(3, 2, 0), TCPState: flows.Established, Status: flows.SeenReply | flows.Assured, Timeout: 5*time.Minute - time.Second, ID: 1,
		},
		{
			Orig: tuple(17, "10.1.2.9:53001", "10.1.2.2:53"), Reply: tuple(17, "10.1.2.2:53", "10.1.2.9:53001"),
			Mark: flows.Mark(77, 0, 0), Timeout: 20 * time.Second, ID: 2,
		},
		{
			Orig: tuple(6, "[2001:db8::2]:51000", "[2001:db8:9::1]:443"), Reply: tuple(6, "[2001:db8:9::1]:443", "[2001:db8::2]:51000"),
			Mark: flows.Mark(0, 9, 0), TCPState: flows.SynSent, Timeout: 100 * time.Second, ID: 3,
		},
	}
}

func sampleLog() []packetlog.Entry {
	packet := packetlog.Packet{
		Proto: 6, Src: netip.MustParseAddr("10.1.2.9"), SrcPort: 40000, Dst: netip.MustParseAddr("198.51.100.7"), DstPort: 25, Length: 60, TTL: 63,
	}
	blocked := packetlog.Entry{
		Time: before(70 * time.Second), Reason: packetlog.Reason{Action: packetlog.Block, Cause: packetlog.CauseDefault},
		In: "eth1", InName: "lan", Out: "eth0", OutName: "wan", Packet: packet,
	}
	passed := blocked
	passed.Time = before(2 * time.Second)
	passed.Reason = packetlog.Reason{Action: packetlog.Pass, Cause: packetlog.CauseRule, Rule: "lan-out"}
	passed.DstPort = 443
	passed.Lost = 3
	return []packetlog.Entry{blocked, passed}
}

// sampleLive is packets that were followed, to every end that they can come to.
func sampleLive() []report.LivePacket {
	const ours = "inet rempart"
	lead := func(chain string, number int, text, verdict string) report.LiveStep {
		return report.LiveStep{Table: ours, Chain: chain, Kind: "rule", Handle: uint64(50 + number), Number: number, Text: text, Verdict: verdict}
	}
	end := report.LiveStep{Table: ours, Chain: "translate_in", Kind: "return", Verdict: "continue"}
	policy := report.LiveStep{Table: ours, Chain: "translate_in", Kind: "policy", Verdict: "accept"}
	passes := lead("forward_lan", 1, `counter name "rule_lan-out" accept comment "lan-out"`, "accept")
	passes.Name, passes.Line, passes.Note = "lan-out", 88, `rule lan-out passes it (line 88)`
	leaves := lead("translate_out", 2, "masquerade", "accept")
	leaves.Setting, leaves.Note = "nat.outbound", "automatic outbound NAT translates it"
	leaves.Packet = "tcp 203.0.113.2:40000 > 198.51.100.7:443 S len 60"
	stops := lead("block_default", 1, `counter name "block_default"`, "continue")
	stops.Setting, stops.Note = "always", "automatic block default: what no rule decided"
	other := report.LiveStep{Table: "ip filter", Foreign: true, Chain: "FORWARD", Kind: "rule", Handle: 7, Verdict: "drop",
		Note: "dropped by table ip filter chain FORWARD (not ours), rule handle 7: see `nft -a list chain ip filter FORWARD`"}
	flow := report.LiveStep{Table: "conntrack", Kind: "flow", Verdict: "continue", Packet: "tcp 10.1.2.9:40000 > 10.1.3.10:80 A len 52",
		Note: "its flow, or a table that is not ours, translates it"}
	to := func(port string) string { return "tcp 10.1.2.9:40000 > 198.51.100.7:" + port + " S len 60" }
	return []report.LivePacket{
		{Time: now(), Packet: to("443"), In: "eth1", InName: "lan", Verdict: "pass", Cause: "rule", Rule: "lan-out", Line: 88, Why: passes.Note,
			Steps: []report.LiveStep{end, policy, lead("forward", 3, "jump guard", "jump guard"), passes, leaves},
			Left:  leaves.Packet, Out: "eth0", OutName: "wan", Gateway: "fibre"},
		{Time: now(), Packet: to("25"), In: "eth1", InName: "lan", Verdict: "block", Cause: "default", Why: stops.Note, Steps: []report.LiveStep{stops}},
		{Time: now(), Packet: to("80"), In: "eth1", InName: "lan", Verdict: "block", Cause: "foreign", Why: other.Note, Steps: []report.LiveStep{passes, other}},
		{Time: now(), Packet: to("80"), In: "eth9", Verdict: "pass", Cause: "established", Why: "a flow that stands passes", Steps: []report.LiveStep{flow}, Left: flow.Packet},
		{Time: now(), Packet: to("80"), Verdict: "gone", Why: "the kernel dropped it behind the last chain above: by its routing, or by something that is not nftables", Lost: true},
	}
}
