package web

import (
	"context"
	"net/http"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// The bodies of requests and answers about pairing that view has no shape for.
type (
	unpairRequest struct {
		Force bool `json:"force"`
	}
	// inviteLine is one of the lines that POST /v1/ha/invite answers with.
	inviteLine struct {
		Invitation *view.Invitation `json:"invitation,omitempty"`
		End        *view.Pairing    `json:"end,omitempty"`
		Failed     *Failure         `json:"failed,omitempty"`
	}
)

// invite tells of the code until another node has used it. Who goes away withdraws it.
func (a *api) invite(w http.ResponseWriter, r *http.Request) error {
	var q empty
	if err := readQuestion(w, r, &q); err != nil {
		return err
	}
	out := lines{w: w}
	paired, err := a.pair.Invite(r.Context(), asker(r).Name, func(i view.Invitation) error { return out.send(inviteLine{Invitation: &i}) })
	return out.end(inviteLine{End: &paired}, err, func(f *Failure) any { return inviteLine{Failed: f} })
}

func (a *api) join(r *http.Request, j view.Join) (view.Pairing, error) {
	switch {
	case j.Code == "":
		return view.Pairing{}, badRequest("code: missing")
	case !j.Address.IsValid():
		return view.Pairing{}, badRequest("address: missing")
	case j.Address.Is6() && j.Address.IsLinkLocalUnicast() && j.Address.Zone() == "":
		return view.Pairing{}, badRequest("address: %s is link-local: say behind which device, such as %s%%eth3", j.Address, j.Address)
	case j.Address.IsUnspecified() || j.Address.IsMulticast():
		return view.Pairing{}, badRequest("address: %s is of no node", j.Address)
	}
	return a.pair.Join(r.Context(), j, asker(r).Name)
}

func (a *api) unpair(r *http.Request, q unpairRequest) (view.Pairing, error) {
	return a.pair.Unpair(r.Context(), q.Force, asker(r).Name)
}

func (a *api) rotate(r *http.Request, _ empty) (view.Pairing, error) {
	return a.pair.RotateKeys(r.Context(), asker(r).Name)
}

func (a *api) policyDiff(ctx context.Context) (view.PolicyDiff, error) {
	d, err := a.pair.PolicyDiff(ctx)
	d.Objects = orEmpty(d.Objects)
	return d, err
}

// resolve takes one of the texts that the pair has, or the one that comes along.
func (a *api) resolve(r *http.Request, d view.Resolution) (report.Applied, error) {
	switch d.Take {
	case "ours", "theirs", "merged":
		if len(d.Policy) > 0 {
			return report.Applied{}, badRequest("policy: there is none to come along with take %q", d.Take)
		}
	case "":
		if len(d.Policy) == 0 {
			return report.Applied{}, badRequest("policy: missing, and nothing to take")
		}
	default:
		return report.Applied{}, badRequest("take: %q, want ours, theirs or merged", d.Take)
	}
	if len(d.Policy) > maxPolicy {
		return report.Applied{}, errPolicyTooLarge
	}
	if d.Confirm < 0 {
		return report.Applied{}, badRequest("confirm: %d seconds, want 0 or more", d.Confirm)
	}
	return a.pair.Resolve(r.Context(), d, asker(r))
}

func (a *api) pull(r *http.Request, _ empty) (view.Carried, error) {
	return a.pair.Pull(r.Context(), asker(r))
}

func (a *api) push(r *http.Request, _ empty) (view.Carried, error) {
	return a.pair.Push(r.Context(), asker(r))
}
