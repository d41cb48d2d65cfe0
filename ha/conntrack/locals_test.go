package conntrack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// addressNews is a message of rtnetlink(7) with attributes of these kinds.
func addressNews(what uint16, family uint8, kinds []uint16, values ...[]byte) []byte {
	body := []byte{family, 24, 0, 0, 1, 0, 0, 0}
	for i, v := range values {
		body = binary.NativeEndian.AppendUint16(body, uint16(4+len(v)))
		body = binary.NativeEndian.AppendUint16(body, kinds[i])
		body = append(body, v...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, what)
	b = append(b, make([]byte, 10)...)
	return append(b, body...)
}

func TestParseLocal(t *testing.T) {
	four, peer, label := []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, []byte("eth0\x00")
	six := netip.MustParseAddr("2001:db8::1").AsSlice()
	kinds := func(k ...uint16) []uint16 { return k }
	const (
		address, here, name = unix.IFA_ADDRESS, unix.IFA_LOCAL, unix.IFA_LABEL
		news                = unix.RTM_NEWADDR
	)
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"IPv4", addressNews(news, IPv4, kinds(name, address, here), label, four, four), "10.0.0.1"},
		{"IPv6", addressNews(news, IPv6, kinds(address, name), six, label), "2001:db8::1"},
		{"a line", addressNews(news, IPv4, kinds(address, here), peer, four), "10.0.0.1"},
		{"a line, the near end first", addressNews(news, IPv4, kinds(here, address), four, peer), "10.0.0.1"},
		{"none", addressNews(news, IPv4, kinds(name), label), ""},
		{"removed", addressNews(unix.RTM_DELADDR, IPv4, kinds(address), four), ""},
		{"another family", addressNews(news, unix.AF_PACKET, kinds(address), four), ""},
		{"of the other family", addressNews(news, IPv4, kinds(address), six), ""},
		{"nothing", nil, ""},
	} {
		got, ok := parseLocal(tt.b)
		if ok != (tt.want != "") {
			t.Errorf("%s: %v, %t", tt.name, got, ok)
		}
		if ok && AddrOf(got.family, got.address) != netip.MustParseAddr(tt.want) {
			t.Errorf("%s: %v", tt.name, AddrOf(got.family, got.address))
		}
	}
}

func FuzzParseLocal(f *testing.F) {
	b := addressNews(unix.RTM_NEWADDR, IPv4, []uint16{unix.IFA_ADDRESS, unix.IFA_LABEL, unix.IFA_LOCAL},
		[]byte{10, 0, 0, 2}, []byte("eth0\x00"), []byte{10, 0, 0, 1})
	for n := range b {
		f.Add(b[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, ok := parseLocal(b)
		if ok && l.family != IPv4 && l.family != IPv6 || ok && l.family == IPv4 && [12]byte(l.address[4:]) != [12]byte{} {
			t.Errorf("parsed %+v", l)
		}
	})
}
