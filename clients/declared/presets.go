package declared

import (
	"embed"
	"strings"

	"orderbeat/clients/section"
)

//go:embed presets/*.toml
var presets embed.FS

// Preset is the declaration that comes with the program for a kind of provider. It
// panics when there is none.
func Preset(kind string) *section.Declaration {
	text, err := presets.ReadFile("presets/" + kind + ".toml")
	if err != nil {
		panic("declared: there is no preset for " + kind)
	}
	return &section.Declaration{Name: "preset " + kind, Text: text}
}

//go:embed template.toml
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
