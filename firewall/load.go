package firewall

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/nft"
)

// LearnedDir is where in the state directory feeds keeps what aliases learned.
const LearnedDir = "learned"

// Load puts the last good policy of a state directory into the kernel once,
// for early boot: before any link is up, without a daemon. What aliases learned
// is taken from the disk. When there is no policy, or it cannot be read, the
// closed ruleset is loaded, and the reason comes back with the revision 0.
func Load(ctx context.Context, dir string, k nft.Kernel, now time.Time) (revision int, err error) {
	ruleset, revision, err := lastGood(dir, now)
	if err != nil {
		ruleset, err = Closed(), fmt.Errorf("nothing is let in or through, for there is no policy to load: %w", err)
	}
	var t table
	if fault := t.put(ctx, k, ruleset); fault != nil {
		return 0, fault
	}
	return revision, err
}

// lastGood compiles the current revision of a state directory.
func lastGood(dir string, now time.Time) (nft.Ruleset, int, error) {
	s, err := ReadState(dir)
	if err != nil {
		return nft.Ruleset{}, 0, err
	}
	rev, err := s.Current()
	if err != nil {
		return nft.Ruleset{}, 0, err
	}
	c, err := parse(draftOf(rev))
	if err != nil {
		return nft.Ruleset{}, 0, err
	}
	outside := feeds.New(feeds.Options{Dir: filepath.Join(dir, LearnedDir)})
	outside.Set(c)
	learned, m := outside.Snapshot(), s.Memory()
	l := Learned{Devices: m.Devices, Numbers: m.Numbers, Gateways: m.Gateways, Outside: Outside{Names: learned.Names, Lists: learned.Lists}}
	return Compile(NewWorld(c, l, now)), rev.Number, nil
}
