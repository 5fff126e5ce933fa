package declared

import (
	_ "embed"
	"strings"
)

//go:embed blank.toml
var blankText string

// Blank is a declaration to start from, of a provider with a name: it tells of every key,
// and works as it stands, for an API that is invented. Its secret is SecretName's.
func Blank(name string) string {
	return strings.NewReplacer("{{name}}", name, "{{NAME}}", envWord(name)).Replace(blankText)
}

// SecretName is the environment variable that the key of such a provider is looked for in.
func SecretName(name string) string { return envWord(name) + "_API_KEY" }

// envWord is a name as environment variables begin.
func envWord(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
