package declared

import (
	"embed"
	"strings"

	"orderbeat/clients/section"
)

//go:embed presets/*.toml
var presets embed.FS

// Preset returns the built-in declaration for a kind of provider. It panics if there is none.
func Preset(kind string) *section.Declaration {
	text, err := presets.ReadFile("presets/" + kind + ".toml")
	if err != nil {
		panic("declared: there is no preset for " + kind)
	}
	return &section.Declaration{Name: "preset " + kind, Text: text}
}

//go:embed template.toml
var blankText string

// Blank returns a template of a declaration for a provider with this name: it explains every key, and
// works as it is, with an imaginary API. Its API key is in the environment variable [SecretName].
func Blank(name string) string {
	return strings.NewReplacer("{{name}}", name, "{{NAME}}", envWord(name)).Replace(blankText)
}

// SecretName returns the environment variable for the API key of a provider made with [Blank].
func SecretName(name string) string { return envWord(name) + "_API_KEY" }

// envWord is a name in the spelling of environment variables.
func envWord(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
