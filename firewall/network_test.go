package firewall

import (
	"fmt"
	"testing"

	"github.com/rempart/rempart/config"
)

// TestNetworkHoldsOneToOne: neighbours on wan ask who has these addresses.
func TestNetworkHoldsOneToOne(t *testing.T) {
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(translating)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range Interfaces(c).Links {
		got[l.Name] = fmt.Sprint(l.Addresses)
	}
	for name, want := range map[string]string{
		"wan": "[203.0.113.2/29 203.0.113.4/32 203.0.113.5/32]", "lan": "[10.1.2.1/24]", "lte": "[192.168.8.2/24]",
	} {
		if got[name] != want {
			t.Errorf("%s has %s, want %s", name, got[name], want)
		}
	}
}
