package rules

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"go4.org/netipx"
)

// doubled is aliases of which each holds the two before it: there are more ways
// from the last to the first than anybody can go.
func doubled(first string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[alias.a0]\n%s\n[alias.b0]\naddresses = [\"10.0.0.3\"]\n", first)
	for i := 1; i <= 60; i++ {
		for _, k := range []string{"a", "b"} {
			fmt.Fprintf(&b, "[alias.%s%d]\naddresses = [\"@a%d\", \"@b%d\", \"!10.0.0.2\"]\n", k, i, i-1, i-1)
		}
	}
	return b.String()
}

func TestAliasesAreFollowedOnce(t *testing.T) {
	for _, first := range []string{`addresses = ["10.0.0.1", "10.0.0.2"]`, `url = "file:list"`} {
		w := world(t, doubled(first)+"[[rule]]\nname = \"r\"\naction = \"pass\"\nsource = [\"@a60\", \"10.0.0.9\"]\n")
		w.Lists["a0"] = prefixes("10.0.0.1/32", "10.0.0.2/32")
		source := w.Config.Rules[0].Source
		listed, set := NewLists(w).Read(source), w.Resolve(source).Set
		for ip, want := range map[string]bool{"10.0.0.1": true, "10.0.0.2": false, "10.0.0.3": true, "10.0.0.4": false, "10.0.0.9": true} {
			a := netip.MustParseAddr(ip)
			if got := listed.Contains(a); got != want {
				t.Errorf("%s: %s is read to be there: %v", first, ip, got)
			}
			if got := set.Contains(a); got != want {
				t.Errorf("%s: %s is in the set: %v", first, ip, got)
			}
		}
		if got, want := w.Learned(source), strings.HasPrefix(first, "url"); got != want {
			t.Errorf("%s is learned: %v", first, got)
		}
		if r := Compile(w, NewSets(w, nil)); len(r.Chains) == 0 {
			t.Errorf("%s: nothing was compiled", first)
		}
	}
}

func TestNothingIsFoundInHollowAliases(t *testing.T) {
	w := world(t, doubled(`url = "file:list"`))
	w.Config.Alias("b0").Addresses = []config.AddressTerm{{Kind: config.TermAlias, Name: "listed"}}
	w.Lists = map[string]*netipx.IPSet{}
	a60 := config.AddressTerm{Kind: config.TermAlias, Name: "a60"}
	if !w.hollow(a60) {
		t.Error("aliases of lists that were never fetched are not hollow")
	}
	w.Lists["listed"] = prefixes("192.0.2.0/24")
	if w.hollow(a60) {
		t.Error("an alias is hollow that holds a list")
	}
}

// To be asked, a list must not be copied: explain asks every rule of a policy.
func TestReadingCopiesNothing(t *testing.T) {
	w := world(t, "[alias.most]\naddresses = [\"@listed\", \"!10.0.0.0/8\"]\n"+
		"[[rule]]\nname = \"r\"\naction = \"pass\"\nsource = [\"any\", \"!@most\"]\n")
	var b netipx.IPSetBuilder
	for i := range 100_000 {
		b.Add(netip.AddrFrom4([4]byte{20, byte(i >> 15), byte(i >> 7), byte(i << 1)}))
	}
	w.Lists["listed"] = mustSet(&b)
	source := w.Config.Rules[0].Source
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if !NewLists(w).Read(source).Contains(netip.MustParseAddr("10.0.0.1")) {
		t.Error("an address is missing")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
		t.Errorf("a question takes %d bytes", got)
	}
}
