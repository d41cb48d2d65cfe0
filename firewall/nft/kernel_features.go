package nft

import (
	"context"
	"errors"
)

// Features tries each feature in a batch that is checked and then left.
func (n *Netlink) Features(ctx context.Context) (Features, error) {
	var list Features
	for _, p := range probes(n.table + "_probe") {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		message, err := encode(p.batch, 0)
		if err != nil {
			return nil, err
		}
		var refused *CommitError
		err = n.exchange(p.batch, message.unfinished())
		if err != nil && !errors.As(err, &refused) {
			return nil, err
		}
		list = append(list, Feature{p.feature, err})
	}
	return list, nil
}
