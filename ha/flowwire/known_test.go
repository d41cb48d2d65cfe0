package flowwire

import (
	"encoding/hex"
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

// web is a flow from 10.0.0.5:40000 to 198.51.100.7:443, translated to 192.0.2.1.
func web() conntrack.Flow {
	return conntrack.Flow{
		Key: conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.TCP, Orig: conntrack.Tuple{
			Src: [16]byte{10, 0, 0, 5}, Dst: [16]byte{198, 51, 100, 7}, SrcPort: 40000, DstPort: 443,
		}},
		State: conntrack.Established, Status: 0x19e, Mark: 0x10000,
		Reply: conntrack.Tuple{Src: [16]byte{198, 51, 100, 7}, Dst: [16]byte{192, 0, 2, 1}, SrcPort: 443, DstPort: 40000},
		Flags: [2]conntrack.TCPFlags{0x23, 0x23}, Scale: [2]uint8{7, 7},
	}
}

// ping6 is an echo of 2001:db8::2, with the ID 9.
func ping6() conntrack.Flow {
	a, b := [16]byte{0x20, 1, 0x0d, 0xb8, 15: 2}, [16]byte{0x20, 1, 0x0d, 0xb8, 7: 1, 15: 2}
	return conntrack.Flow{
		Key:    conntrack.Key{Family: conntrack.IPv6, Proto: conntrack.ICMPv6, Zone: 3, Orig: conntrack.Tuple{Src: a, Dst: b, SrcPort: 9, DstPort: 128 << 8}},
		Status: 0x18a, Reply: conntrack.Tuple{Src: b, Dst: a, SrcPort: 9, DstPort: 129 << 8}, Timeout: 300,
	}
}

// data is the expectation of a data connection of FTP, of the flow of web.
func data() (conntrack.Flow, conntrack.Extra) {
	f := conntrack.Flow{Key: conntrack.Key{Family: conntrack.IPv4, Kind: conntrack.KindExpect, Proto: conntrack.TCP,
		Orig: conntrack.Tuple{Src: [16]byte{10, 0, 0, 5}, Dst: [16]byte{198, 51, 100, 7}, DstPort: 2000}}}
	x := conntrack.Extra{Master: web().Key, Expects: conntrack.Expect{Timeout: 300, HasNAT: true}}
	x.Expects.Mask = conntrack.Tuple{Src: [16]byte{255, 255, 255, 255}, Dst: [16]byte{255, 255, 255, 255}, DstPort: 0xffff}
	copy(x.Helper[:], "ftp")
	return f, x
}

// TestKnownBytes holds the format: nodes of two versions have to understand each other.
func TestKnownBytes(t *testing.T) {
	first, closing, udp, echo := web(), web(), web(), ping6()
	closing.State, closing.Flags[0] = conntrack.TimeWait, 0x27
	udp.Proto, udp.State, udp.Flags, udp.Scale = conntrack.UDP, 0, [2]conntrack.TCPFlags{}, [2]uint8{}
	udp.Reply.DstPort = 50000
	wanted, extra := data()
	for _, c := range []struct {
		name  string
		calls calls
		want  string
	}{
		{"flows", calls{
			{Slot: 1000, Put: &first},
			{Slot: 1001, Put: &udp},
			{Slot: 999, Put: &echo},
		}, "01" + "0054" +
			"4040" + "d00f" + "0a000005" + "c6336407" + "80c0000201" + "9c4001bb" + "8000010000" +
			"484b" + "02" + "2b" + "5b" + "16" + "9c4001bb" + "c350" + "3c" +
			"3420" + "03" + "06" + "8020010db800000000" + "800000000000000002" + "8020010db800000001" + "1e" +
			"00098000" + "800000018a" + "0003" + "ac02"},
		{"an expectation", calls{{Slot: 5, Put: &wanted, Extra: &extra}}, "01" + "005b" + "20b0" + "0a" + "09" + "0a000005" + "c6336407" + "000007d0" + "00" + "00" + "00" + "0046" +
			"0103" + "667470" + "0211" + "020006" + "0000" + "0a000005" + "c6336407" + "9c4001bb" +
			"0910" + "0000012c" + "00000000" + "00000000" + "00000000" +
			"0a0c" + "ffffffff" + "ffffffff" + "0000ffff" + "0b0c" + "00000000" + "00000000" + "00000000"},
		{"life and end", calls{
			{Slot: 1000, Tag: 0x1234, Change: changeOf(&closing, FieldState)},
			{Slot: 1001, Tag: 0x1234, Change: changeOf(&closing, AllFields)},
			{Slot: 1002, Tag: 0x1234, Change: changeOf(&closing, AllFields)},
			{Slot: 1003, Tag: 0x1234, Change: changeOf(&closing, FieldMark)},
			{Slot: 1003, End: true},
			{Slot: 100, End: true},
		}, "01" + "0020" + "71" + "d00f" + "1234" +
			"79" + "02" + "1234" + "cf" + "8000010000" + "8027230707" +
			"75" + "02" + "1234" + "09" + "02" + "1234" + "04" + "02" + "6e38"},
		{"talk", calls{
			{Ack: &Ack{Epoch: 1, Upto: 1000, N: 2, Ranges: [MaxRanges]Range{{1002, 1002}, {1005, 1300}}, Full: true, Floor: 7}},
			{State: &State{
				Flags: Speaking | Whole, Slots: 1004, Count: 1000, Digest: 0x1122334455667788, Mirror: 3, Local: 1100,
				Max: 262144, Features: 1, Clock: 1767225600000, Revision: [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
			}},
			{Digest: &Digest{Bucket: 2, Count: 1000, Sum: 0x1122334455667788}},
			{Digest: &Digest{Bucket: 3, Count: 1, Sum: 1}},
			{Want: new(uint32(7))},
			{Want: new(uint32(6))},
		}, "02" + "000e" + "00000001" + "01" + "e807" + "07" + "02" + "02" + "00" + "03" + "a702" +
			"03" + "0025" + "0003" + "ec07" + "e807" + "1122334455667788" + "03" + "cc08" + "808010" + "01" +
			"0000019b76daa800" + "0102030405060708" +
			"04" + "0015" + "04" + "e807" + "1122334455667788" + "02" + "01" + "0000000000000001" +
			"05" + "0002" + "0e" + "01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := c.calls.write(t, MaxBody)
			if got := hex.EncodeToString(body); got != c.want {
				t.Errorf("wrote %s\nwant  %s", got, c.want)
			}
			want, err := hex.DecodeString(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := differ(c.calls, read(t, want)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKnownHash holds what both nodes have to agree on.
func TestKnownHash(t *testing.T) {
	f, p := web(), ping6()
	e, x := data()
	for _, c := range []struct {
		name string
		got  uint64
		want uint64
	}{
		{"IPv4", Hash(1000, &f, nil), 0x4c10dd3924da30ef},
		{"IPv6", Hash(999, &p, nil), 0x9b79aba7fd224920},
		{"expectation", Hash(5, &e, &x), 0x94f6a646a6c2f2a9},
		{"tag", uint64(Tag(&f.Key)), 0xa407},
		{"tag of IPv6", uint64(Tag(&p.Key)), 0x1a2e},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, c.got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{StateFlags(0).String(), ""},
		{(Speaking | Complete).String(), "speaking, complete"},
		{(Whole | SnapshotSent | Differs | 1<<15).String(), "whole, snapshot sent, differs"},
		{AllFields.String(), "state, status, mark, options"},
		{FieldMark.String(), "mark"},
	} {
		if c.got != c.want {
			t.Errorf("String = %q, want %q", c.got, c.want)
		}
	}
}
