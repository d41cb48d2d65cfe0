package flows

import (
	"fmt"
	"strconv"
)

// Numbers is what the names of a policy stand for in the marks of flows.
type Numbers struct {
	Rules    map[string]uint16
	Gateways map[string]uint16
}

// Name gives each of the flows the names of its rule and its gateway. A number that the policy does not know has none.
func (n Numbers) Name(flows []Flow) {
	rules, gateways := reversed(n.Rules), reversed(n.Gateways)
	for i := range flows {
		f := &flows[i]
		f.RuleName, f.GatewayName = "", ""
		if f.Rule() != 0 {
			f.RuleName = rules[f.Rule()]
		}
		if f.Gateway() != 0 {
			f.GatewayName = gateways[uint16(f.Gateway())]
		}
	}
}

func reversed(numbers map[string]uint16) map[uint16]string {
	names := make(map[uint16]string, len(numbers))
	for name, n := range numbers {
		names[n] = name
	}
	return names
}

func (n Numbers) parseRule(name string) (uint16, error) {
	number, ok := n.Rules[name]
	if !ok {
		return 0, fmt.Errorf("no rule %q", name)
	}
	return number, nil
}

// parseGateway takes a number as well, because flows outlive the gateway that they left by.
func (n Numbers) parseGateway(s string) (uint8, error) {
	if number, ok := n.Gateways[s]; ok {
		return uint8(number), nil
	}
	number, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("no gateway %q", s)
	}
	return uint8(number), nil
}
