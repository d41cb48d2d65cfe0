package firewall

import (
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
)

// TestLackingTranslations asks a kernel that has nothing for every kind of translation.
func TestLackingTranslations(t *testing.T) {
	const wan = "schema = 1\n[interface.wan]\ndevice = \"eth0\"\naddresses = [\"203.0.113.2/24\"]\n[interface.ppp]\ndevice = \"ppp0\"\n[interface.lan]\ndevice = \"eth1\"\naddresses = [\"10.1.2.1/24\"]\n[nat]\noutbound = \"manual\"\n"
	forward := func(keys string) string {
		return wan + "[[port_forward]]\nname = \"f\"\non = \"wan\"\nprotocol = \"tcp\"\nport = [80]\n" + keys
	}
	outbound := func(keys string) string { return wan + "[[outbound]]\nname = \"o\"\n" + keys }
	for _, tt := range []struct {
		what, policy string
		want         []string
	}{
		{"nothing", wan, nil},
		{"helpers", wan + "helpers = [\"ftp\", \"h323\"]\n", []string{nft.FeatureHelper("ftp"), nft.FeatureHelper("Q.931"), nft.FeatureHelper("RAS")}},
		{"one target", forward("target = [\"10.1.2.9\"]\n"), []string{nft.FeatureNAT}},
		{"several targets", forward("target = [\"10.1.2.9\", \"10.1.2.10\"]\n"), []string{nft.FeatureNAT, nft.FeatureSlotMap}},
		{"a range of targets in turn", forward("target = [\"10.1.2.9-10.1.2.10\"]\nspread = \"round-robin\"\n"), []string{nft.FeatureNAT, nft.FeatureSlotMap, nft.FeatureDeal}},
		{"no target", forward("target = [\"none\"]\n"), nil},
		{"a disabled one", forward("target = [\"10.1.2.9\", \"10.1.2.10\"]\ndisabled = true\n"), nil},
		{"1:1", wan + "[[one_to_one]]\nname = \"p\"\non = \"wan\"\nexternal = \"198.51.100.9\"\ninternal = \"10.1.2.9\"\n", []string{nft.FeatureNAT}},
		{"a prefix", wan + "[[prefix]]\nname = \"p\"\non = \"wan\"\nexternal = \"2001:db8:f::/48\"\ninternal = \"fd00:1:2::/48\"\n", []string{nft.FeatureNAT}},
		{"an address", outbound("on = \"ppp\"\naddress = \"198.51.100.9\"\n"), []string{nft.FeatureNAT}},
		{"the interface's own", outbound("on = \"wan\"\n"), []string{nft.FeatureNAT}},
		{"the interface's own, learned", outbound("on = \"ppp\"\n"), []string{nft.FeatureNAT, nft.FeatureMasquerade}},
		{"a pool in turn", outbound("on = \"wan\"\npool = [\"198.51.100.8-198.51.100.9\"]\n"), []string{nft.FeatureNAT, nft.FeatureSlotMap, nft.FeatureDeal}},
		{"a pool by source", outbound("on = \"wan\"\npool = [\"198.51.100.8-198.51.100.9\"]\nspread = \"source\"\n"), []string{nft.FeatureNAT, nft.FeatureSlotMap}},
		{"an exclusion", outbound("on = \"wan\"\naddress = \"none\"\n"), nil},
		{"outside, and manual", strings.Replace(wan, "ppp0\"\n", "ppp0\"\nexternal = true\n", 1), nil},
		{"automatic, learned", strings.Replace(strings.Replace(wan, "ppp0\"\n", "ppp0\"\nexternal = true\n", 1), "manual", "automatic", 1), []string{nft.FeatureMasquerade, nft.FeatureNAT}},
	} {
		var got []string
		for _, err := range Lacking(parsed(t, tt.policy), nil) {
			_, feature, _ := strings.Cut(err.Msg, "it lacks ")
			got = append(got, feature)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: lacks %q, want %q", tt.what, got, tt.want)
		}
	}
}
