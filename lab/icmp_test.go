package lab

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// extendedErr is a struct sock_extended_err with a sender behind it.
func extendedErr(origin uint8, m ICMP) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.EHOSTUNREACH))
	b = append(b, origin, m.Type, m.Code, 0)
	b = append(b, make([]byte, 8)...)
	if m.From.Is4() {
		b = binary.NativeEndian.AppendUint16(b, unix.AF_INET)
		b = append(b, 0, 0)
		return append(b, m.From.AsSlice()...)
	}
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET6)
	b = append(b, make([]byte, 6)...)
	return append(b, m.From.AsSlice()...)
}

func TestParseExtendedErr(t *testing.T) {
	for origin, want := range map[uint8]ICMP{
		unix.SO_EE_ORIGIN_ICMP:  {3, 13, addr("192.0.2.1")},
		unix.SO_EE_ORIGIN_ICMP6: {1, 4, addr("2001:db8::1")},
	} {
		b := extendedErr(origin, want)
		if got, err := parseExtendedErr(append(b, 0)); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		for i := range b {
			if got, err := parseExtendedErr(b[:i]); err == nil {
				t.Errorf("%d of %d bytes: got %v", i, len(b), got)
			}
		}
		if got, err := parseExtendedErr(extendedErr(unix.SO_EE_ORIGIN_LOCAL, want)); err == nil {
			t.Errorf("of this host: got %v", got)
		}
	}
}

func TestICMPString(t *testing.T) {
	for want, m := range map[string]ICMP{
		"port unreachable from 192.0.2.1":   {3, 3, addr("192.0.2.1")},
		"port unreachable from 2001:db8::1": {1, 4, addr("2001:db8::1")},
		"type 3 code 99 from 192.0.2.1":     {3, 99, addr("192.0.2.1")},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParseExtendedErr(f *testing.F) {
	f.Add(extendedErr(unix.SO_EE_ORIGIN_ICMP, ICMP{3, 3, addr("192.0.2.1")}))
	f.Add(extendedErr(unix.SO_EE_ORIGIN_ICMP6, ICMP{1, 4, addr("2001:db8::1")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseExtendedErr(b)
		if err == nil && (!m.From.IsValid() || m.String() == "") {
			t.Errorf("%x: got %#v", b, m)
		}
	})
}
