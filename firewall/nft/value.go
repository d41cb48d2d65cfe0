package nft

import (
	"math"
	"net/netip"
	"time"
)

// Addresses is the value of the addresses from to to, both in it, of one family.
func Addresses(from, to netip.Addr) Value {
	t := TypeIPv4
	if from.Is6() {
		t = TypeIPv6
	}
	return Value{Type: t, From: from, To: to}
}

// Address is the value of one address.
func Address(a netip.Addr) Value { return Addresses(a, a) }

// Number is the value of one number of a type.
func Number(t Type, n uint32) Value { return Value{Type: t, Lo: n, Hi: n} }

// Numbers is the value of the numbers lo to hi, both in it.
func Numbers(t Type, lo, hi uint32) Value { return Value{Type: t, Lo: lo, Hi: hi} }

// Ifname is the value of a device's name; a trailing * is a wildcard.
func Ifname(name string) Value { return Value{Type: TypeIfname, Name: name} }

// Instants is the value of the time from from until until, which is not in it, in whole seconds.
// It ends with the year 2105 at the latest.
func Instants(from, until time.Time) Value {
	return Numbers(TypeTime, seconds(from), seconds(until)-1)
}

func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), math.MaxUint32)) }
