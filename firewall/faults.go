package firewall

import (
	"errors"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
)

// Faults is what is wrong with a policy according to an error, place by place; nil when the error is of another kind.
func Faults(err error) []report.Fault {
	var faults config.Errors
	if !errors.As(err, &faults) {
		return nil
	}
	out := make([]report.Fault, 0, len(faults))
	for _, e := range faults {
		out = append(out, report.Fault{File: e.File, Line: e.Line, Col: e.Col, Key: e.Key, Message: e.Msg})
	}
	return out
}

// refusal says which rule of the policy the kernel refused.
func refusal(err error) error {
	var commit *nft.CommitError
	if !errors.As(err, &commit) {
		return err
	}
	out := &Refused{Err: err}
	if add, ok := commit.Op.(nft.AddRule); ok {
		out.Rule = add.Rule.Comment
	}
	return out
}

// Refused is a transaction that the kernel did not take. Nothing of it took effect.
type Refused struct {
	Rule string // of the policy; empty when it was not a rule
	Err  error
}

// Error names the rule and the kernel's reason.
func (r *Refused) Error() string {
	if r.Rule == "" {
		return "the kernel refused the ruleset, nothing was changed: " + r.Err.Error()
	}
	return "the kernel refused rule " + r.Rule + ", nothing was changed: " + r.Err.Error()
}

// Unwrap is the kernel's error.
func (r *Refused) Unwrap() error { return r.Err }
