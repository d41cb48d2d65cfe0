package main

import (
	"github.com/rempart/rempart/config"
	"github.com/spf13/cobra"
)

func schemaCommand(p *program) *cobra.Command {
	var node bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of rempart.toml, for editors",
		Long: `Editors that know JSON Schema complete and check the keys of a policy that
begins with a line such as

  #:schema /usr/share/rempart/rempart.schema.json`,
		Args: words(0, 0),
		RunE: func(*cobra.Command, []string) error {
			schema := config.Schema()
			if node {
				schema = config.NodeSchema()
			}
			p.printf("%s", schema)
			return nil
		},
	}
	cmd.Flags().BoolVar(&node, "node", false, "that of node.toml")
	return cmd
}
