package packetlog

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// syn is a blocked SYN of the office.
func syn(t *testing.T) Entry {
	t.Helper()
	p, err := ParsePacket(unhex(t, "4500 003c 0001 4000 40 06 0000"+v4To+tcpSYN))
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		Time:   time.Date(2026, 11, 23, 14, 2, 11, 123456789, time.UTC),
		Reason: Reason{Block, CauseDefault, ""},
		In:     "eth1", Out: "eth0", InName: "lan", OutName: "wan",
		SrcMAC: MAC{2, 0, 0x5e, 0x10, 0, 1},
		Packet: p,
	}
}

func TestEntryPrintsAsOneLine(t *testing.T) {
	with := func(change func(*Entry)) Entry {
		e := syn(t)
		change(&e)
		return e
	}
	const packet = "  tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 60"
	for _, tc := range []struct {
		entry Entry
		want  string
	}{
		{syn(t), "14:02:11.123 block default   lan -> wan" + packet},
		{with(func(e *Entry) { e.Reason = Reason{Pass, CauseRule, "lan-out"} }), "14:02:11.123 pass rule lan-out lan -> wan" + packet},
		{with(func(e *Entry) { e.InName, e.Out, e.OutName = "", "", "" }), "14:02:11.123 block default   eth1 -> self" + packet},
		{with(func(e *Entry) { e.In, e.InName, e.OutName = "", "", "" }), "14:02:11.123 block default   self -> eth0" + packet},
		{with(func(e *Entry) { e.Lost = 120 }), "14:02:11.123 block default   lan -> wan" + packet + " (120 lost before)"},
		{with(func(e *Entry) { e.Reason, e.Prefix = Reason{}, "DROP " }), `14:02:11.123 "DROP "         lan -> wan` + packet},
		{with(func(e *Entry) { e.Packet = Packet{} }), "14:02:11.123 block default   lan -> wan  not an IP packet"},
		{with(func(e *Entry) { e.Time = e.Time.In(time.FixedZone("", 3600)) }), "15:02:11.123 block default   lan -> wan" + packet},
	} {
		if got := tc.entry.String(); got != tc.want {
			t.Errorf("printed\n%s, want\n%s", got, tc.want)
		}
	}
}

func TestEntryJSON(t *testing.T) {
	const want = `{"time":"2026-11-23T14:02:11.123456789Z","reason":{"action":"block","cause":"default"},` +
		`"in":"eth1","out":"eth0","in_name":"lan","out_name":"wan","src_mac":"02:00:5e:10:00:01",` +
		`"src":"10.1.2.9","dst":"198.51.100.7","proto":"tcp","src_port":40000,"dst_port":443,"tcp_flags":"S","length":60,"ttl":64}`
	b, err := json.Marshal(syn(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}

	foreign := syn(t)
	foreign.Reason, foreign.Prefix, foreign.Packet, foreign.Lost, foreign.Mark = Reason{}, "DROP ", Packet{}, 3, 17
	for _, want := range []Entry{syn(t), foreign} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Entry
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(want, got, equalAddrs()); diff != "" {
			t.Errorf("changed on the way (-want +got):\n%s\nin %s", diff, b)
		}
	}
}
