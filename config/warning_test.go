package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// warned is what Parse says of a policy that has no fault.
func warned(t *testing.T, text string) string {
	t.Helper()
	var lines []string
	for _, w := range parseText(t, text).Warnings {
		lines = append(lines, w.Key+": "+w.Msg)
	}
	return strings.Join(lines, "\n")
}

// forward is a [[port_forward]] of tcp on wan with some keys beside.
func forward(name, keys string) string {
	if !strings.Contains(keys, "protocol") {
		keys += "\nprotocol = \"tcp\""
	}
	if !strings.Contains(keys, "target") {
		keys += "\ntarget = \"10.1.2.3\""
	}
	return "[[port_forward]]\nname = \"" + name + "\"\non = \"wan\"\n" + keys + "\n"
}

func TestOverlappingForwardsAreWarned(t *testing.T) {
	const twice = `port_forward[1]: overlaps "a" in line 14, which comes first and takes what both match`
	const lists = "[alias.names]\naddresses = [\"web.example.org\"]\n[alias.list]\nurl = \"file:list\"\n"
	for name, tt := range map[string]struct{ a, b, want string }{
		"apart":                  {"port = 80", "port = 443", ""},
		"ranges that meet":       {`port = "80-90"`, `port = "90-99"`, twice},
		"a part of the ports":    {"port = 80", "port = [80, 443]", twice},
		"a part of the protocol": {"port = 80", "port = 80\nprotocol = [\"tcp\", \"udp\"]", twice},
		"other protocol":         {"port = 80", "port = 80\nprotocol = \"udp\"", ""},
		"other destination":      {"port = 80", "port = 80\ndestination = \"203.0.113.3\"", ""},
		"wider destination":      {"port = 80", "port = 80\ndestination = \"203.0.113.0/29\"", twice},
		"destination any":        {"port = 80", "port = 80\ndestination = \"any\"", twice},
		"an exception":           {"port = 80\nsource = \"198.51.100.0/24\"", "port = 80", ""},
		"a learned exception":    {"port = 80\nsource = \"@list\"", "port = 80", ""},
		"sources that cross":     {"port = 80\nsource = \"198.51.100.0/24\"", "port = 80\nsource = [\"198.51.100.9\", \"192.0.2.9\"]", twice},
		"sources apart":          {"port = 80\nsource = \"198.51.100.0/24\"", "port = 80\nsource = \"192.0.2.9\"", ""},
		"learned sources":        {"port = 80\nsource = \"@list\"", "port = 80\nsource = \"192.0.2.9\"", ""},
		"an exclusion":           {"port = \"70-80\"\ntarget = \"none\"", "port = \"80-90\"", ""},
		"perhaps no target":      {"port = 80\ntarget = \"@names\"", "port = 80", twice},
		"two families":           {"port = 80\ndestination = \"any\"", "port = 80\ndestination = \"any\"\ntarget = \"2001:db8::3\"", ""},
		"the first is disabled":  {"port = 80\ndisabled = true", "port = 80", ""},
		"the last port":          {"port = \"65500-65535\"", "port = [1, 65535]", twice},
	} {
		if diff := cmp.Diff(tt.want, warned(t, twoInterfaces+lists+"\n"+forward("a", tt.a)+forward("b", tt.b))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestForwardThatTakesAdministration(t *testing.T) {
	const taken = "port_forward[0]: takes tcp port 443 of 203.0.113.2, which is one of admin_ports: administration that comes in by wan reaches the target and not the gateway"
	const core = "[gateway.core]\ninterface = \"lan\"\naddress = \"10.1.2.9\"\n[[route]]\ndestination = \"10.9.0.0/16\"\ngateway = \"core\"\n"
	for name, tt := range map[string]struct{ admin, keys, want string }{
		"from afar":           {`admin = "198.51.100.9"`, "port = [80, 443]", taken},
		"from the same side":  {`admin = ["10.1.2.9", "203.0.113.6"]`, "port = 443", taken},
		"from inside":         {`admin = "10.1.2.9"`, "port = 443", ""},
		"from inside, routed": {`admin = "10.9.2.9"`, "port = 443", ""},
		"nobody":              {"", "port = 443", ""},
		"other port":          {`admin = "198.51.100.9"`, "port = 8443", ""},
		"moved":               {"admin = \"198.51.100.9\"\nadmin_ports = [8000]", "port = \"400-8080\"", strings.Replace(taken, "443", "8000", 1)},
		"other protocol":      {`admin = "198.51.100.9"`, "port = 443\nprotocol = \"udp\"", ""},
		"other address":       {`admin = "198.51.100.9"`, "port = 443\ndestination = \"203.0.113.3\"", ""},
		"other source":        {`admin = "198.51.100.9"`, "port = 443\nsource = \"192.0.2.0/24\"", ""},
		"excluded":            {`admin = "198.51.100.9"`, "port = 443\ntarget = \"none\"", ""},
		"other family":        {`admin = "2001:db8:9::9"`, "port = 443", ""},
	} {
		if diff := cmp.Diff(tt.want, warned(t, twoInterfaces+core+"[system]\n"+tt.admin+"\n"+forward("a", tt.keys))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	const inside = "[[port_forward]]\nname = \"a\"\non = \"lan\"\nprotocol = \"tcp\"\nport = 443\ntarget = \"203.0.113.3\"\n"
	if got, want := warned(t, twoInterfaces+"[system]\nadmin = [\"10.1.2.9\", \"198.51.100.9\"]\n"+inside),
		"port_forward[0]: takes tcp port 443 of 10.1.2.1, which is one of admin_ports: administration that comes in by lan reaches the target and not the gateway"; got != want {
		t.Errorf("on an inside interface:\n%s\nwant\n%s", got, want)
	}
}
