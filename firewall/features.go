package firewall

import (
	"errors"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
)

// machineFaults is what a policy asks of this machine and cannot have, at the
// places of the policy that ask for it: devices that are not there (what
// Links.Check said) and features that the kernel lacks. An error that is not
// about the policy comes back as it is.
func machineFaults(c *config.Config, devices error, have nft.Features) (config.Errors, error) {
	out := Lacking(c, have)
	for _, err := range joined(devices) {
		if waits(err) {
			continue
		}
		var missing *links.MissingDevice
		var ambiguous *links.AmbiguousMAC
		var name string
		switch {
		case errors.As(err, &missing):
			name = missing.Link
		case errors.As(err, &ambiguous):
			name = ambiguous.Link
		default:
			return nil, err
		}
		at := config.Position{}
		if i := c.Interface(name); i != nil {
			at = i.Pos
		}
		out = append(out, &config.Error{Position: at, Key: "interface." + name, Msg: strings.TrimPrefix(err.Error(), "interface "+name+": ")})
	}
	return out, nil
}

// waits says whether an error tells of what is so for the moment, or what the
// machine makes the best of: a line may be down while its policy is applied, and
// two aliases may hold the same network. Status tells of it.
func waits(err error) bool {
	var down *links.DownDevice
	var alone *links.HopWithoutVia
	var twice *links.DuplicateRoute
	return errors.As(err, &down) || errors.As(err, &alone) || errors.As(err, &twice) || fixed(err)
}

// fixed says whether an error tells of a setting of the whole machine that cannot be changed from
// here: the gateway runs without it.
func fixed(err error) bool {
	var f *links.FixedSysctl
	return errors.As(err, &f)
}

// fixedSettings warns of what cannot be changed from here.
func fixedSettings(devices error) []string {
	var out []string
	for _, err := range joined(devices) {
		if fixed(err) {
			out = append(out, err.Error())
		}
	}
	return out
}

// joined is the errors that one was joined of.
func joined(err error) []error {
	switch j, ok := err.(interface{ Unwrap() []error }); {
	case err == nil:
		return nil
	case ok:
		return j.Unwrap()
	}
	return []error{err}
}

// Lacking is what a policy needs of the kernel and the kernel lacks.
func Lacking(c *config.Config, have nft.Features) config.Errors {
	var out config.Errors
	ask := func(needed bool, feature, key string, at config.Position) {
		if needed && !have.Has(feature) {
			out = append(out, &config.Error{Position: at, Key: key, Msg: "this kernel cannot do it: it lacks " + feature})
		}
	}
	for _, r := range c.Rules {
		if r.Disabled {
			continue
		}
		ask(r.Log, nft.FeatureLog, "rule.log", r.Pos)
		ask(r.Schedule != "", nft.FeatureTime, "rule.schedule", r.Pos)
		ask(r.Action == config.Reject, nft.FeatureReject, "rule.action", r.Pos)
		for _, f := range []string{nft.FeatureRouteOut, nft.FeatureDeal, nft.FeatureSlotMap, nft.FeatureRoute, nft.FeatureNoTrack, nft.FeatureRejectPre} {
			ask(r.Gateway != "", f, "rule.gateway", r.Pos)
		}
		if l := r.Limits; l != nil {
			ask(l.Flows+l.FlowsPerSource > 0, nft.FeatureSetCount, "rule.limits", r.Pos)
			ask(l.RatePerSource.Count > 0, nft.FeatureSetLimit, "rule.limits.rate_per_source", r.Pos)
		}
	}
	if c.HA != nil {
		ask(true, nft.FeatureNoTrack, "ha", c.HA.Pos)
	}
	need(ask).translations(c)
	return out
}
