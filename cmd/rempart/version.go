package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

// built is what `version --json` prints.
type built struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

func versionCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Long: `The version that the daemon runs is in "rempart status": after an upgrade it is
the old one until the daemon is restarted.`,
		Args: words(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if p.json {
				return p.printJSON(built{version, runtime.Version()})
			}
			p.printf("rempart %s (%s)\n", version, runtime.Version())
			return nil
		},
	})
}
