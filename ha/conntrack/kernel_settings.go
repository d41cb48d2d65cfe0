package conntrack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// settingsAt is where the kernel shows the settings of the namespace that the calling thread is in, and its counters.
const settingsAt = "/proc/sys/net/netfilter/nf_conntrack_"

// ReadTimeouts are those of the namespace that the calling thread is in. A protocol that the kernel
// has not gets what the kernel's would be.
func ReadTimeouts() (Timeouts, error) {
	var t Timeouts
	for _, s := range t.settings() {
		v, err := readSetting(s.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			v = s.usual
		case err != nil:
			return Timeouts{}, fmt.Errorf("read conntrack timeouts: %w", err)
		}
		*s.value = v
	}
	t.complete()
	return t, nil
}

// Count is how many flows there are in the namespace that the calling thread is in, and how many there may be.
func Count() (now, most uint32, err error) {
	if now, err = readSetting("count"); err == nil {
		most, err = readSetting("max")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count flows: %w", err)
	}
	return now, most, nil
}

func readSetting(name string) (uint32, error) {
	text, err := os.ReadFile(settingsAt + name)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s%s: %w", settingsAt, name, err)
	}
	return uint32(v), nil
}
