package links

import (
	"context"
	"errors"
	"fmt"
)

// Plan is what Apply would change. It changes nothing.
func (o *Owner) Plan(_ context.Context, want State) ([]Op, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.load(); err != nil {
		return nil, err
	}
	have, err := o.look(want, o.owned)
	if err != nil {
		return nil, err
	}
	return Diff(have, want, o.owned), nil
}

// Devices names the device of each link that is found, by the link's name. The
// error joins those that are not.
func (o *Owner) Devices(want State) (map[string]string, error) {
	devices, err := o.kernel.Devices()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	names := make(map[string]string)
	var missing []error
	for _, l := range want.Links {
		d, err := find(devices, l)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		names[l.Name] = d.Name
	}
	return names, errors.Join(missing...)
}
