package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/docs"
)

// documents are the arguments of the command.
var documents = []struct{ name, file, about string }{
	{"config", "schemas/config.json", "config.toml"},
	{"events", "schemas/events.json", "published messages: order events, run results, alerts"},
	{"api", "schemas/api.json", "requests and replies of orderbeat.api.*, and run requests"},
	{"asyncapi", "asyncapi.yaml", "AsyncAPI 3.0: all subjects with their messages and examples"},
}

// Command returns the command schema.
func Command(a *cli.App) *cobra.Command {
	var long strings.Builder
	names := make([]string, len(documents))
	long.WriteString("Print the JSON Schemas (2020-12) and the AsyncAPI document of this version:\n")
	for i, d := range documents {
		names[i] = d.name
		fmt.Fprintf(&long, "\n  %-10s%s", d.name, d.about)
	}
	return &cobra.Command{
		Use:       "schema <" + strings.Join(names, "|") + ">",
		Short:     "Print the JSON Schemas of messages, API and configuration",
		Long:      long.String(),
		Example:   `  orderbeat schema events > events.schema.json`,
		ValidArgs: names,
		Args:      cli.OneArg("one of " + strings.Join(names, ", ")),
		RunE: func(_ *cobra.Command, args []string) error {
			i := slices.Index(names, args[0])
			if i < 0 {
				return cli.Misuse("unknown schema %q: use one of %s", args[0], strings.Join(names, ", "))
			}
			text, err := docs.Files.ReadFile(documents[i].file)
			if err != nil {
				return err
			}
			_, err = a.Stdout.Write(text)
			return err
		},
	}
}
