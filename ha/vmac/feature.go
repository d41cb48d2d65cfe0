package vmac

import (
	"errors"
	"fmt"
	"syscall"
)

// feature is something of the kernel that a table needs.
type feature uint8

// In the order in which they are tried: each needs those before it.
const (
	arrivals feature = iota + 1
	departures
	sources
	features = sources
)

var featureTexts = [...]string{
	arrivals:   "chains of nft on a device: it needs CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_INGRESS",
	departures: "chains of nft where frames leave a device: they came with Linux 5.16 and need CONFIG_NETFILTER_EGRESS",
	sources:    "way for chains on a device to tell what it forwards: it needs CONFIG_NFT_FIB_NETDEV",
}

// String is what the kernel would have.
func (f feature) String() string { return featureTexts[f] }

// trial is a table that a kernel with the feature takes.
func (f feature) trial(name string) ruleset {
	c := chain{name: "trial", hook: ingress, device: name, priority: before}
	if f >= departures {
		c.hook = egress
	}
	if f >= sources {
		c.rules = []rule{{passing{}, accept{}}}
	}
	return ruleset{chains: []chain{c}}
}

// verdict is what it means for a feature that the kernel has answered its trial with err.
func (f feature) verdict(err error) error {
	if err == nil {
		return nil
	}
	for _, errno := range []syscall.Errno{
		syscall.EOPNOTSUPP, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ENOENT, syscall.EINVAL,
	} {
		if errors.Is(err, errno) {
			return fmt.Errorf("this kernel has no %s", f)
		}
	}
	return fmt.Errorf("ask the kernel for virtual MACs: %w", err)
}
