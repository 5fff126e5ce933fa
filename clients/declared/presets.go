package declared

import (
	"embed"
	"strings"

	"orderbeat/clients/section"
)

//go:embed presets/*.toml
var presets embed.FS

// Preset is the program's declaration for a kind of provider. It panics if there is none.
func Preset(kind string) *section.Declaration {
	text, err := presets.ReadFile("presets/" + kind + ".toml")
	if err != nil {
		panic("declared: there is no preset for " + kind)
	}
	return &section.Declaration{Name: "preset " + kind, Text: text}
}

//go:embed template.toml
var blankText string

// Blank is a template of a declaration for a provider with this name: it explains every key, and
// works as it is, with an imaginary API. Its secret is in the variable SecretName.
func Blank(name string) string {
	return strings.NewReplacer("{{name}}", name, "{{NAME}}", envWord(name)).Replace(blankText)
}

// SecretName is the environment variable with the API key of such a provider.
func SecretName(name string) string { return envWord(name) + "_API_KEY" }

// envWord is a name in the spelling of environment variables.
func envWord(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
