package setup

import (
	"regexp"
	"slices"
	"strings"

	"orderbeat"
)

var (
	// owner finds the provider that a paragraph of config.toml configures, commented out or not.
	owner = regexp.MustCompile(`(?m)^#?(?:\[\[?providers\.|provider *= ")(\w+)`)
	// commented is a line of TOML that is commented out; an explanation has a blank after the #.
	commented = regexp.MustCompile(`(?m)^#([^ #:\n])`)
	// schemaLine names a file of the source tree.
	schemaLine = regexp.MustCompile(`\A#:schema .*\n`)
)

// Kinds returns the kinds of providers in the shipped configuration, sorted.
func Kinds() []string {
	var kinds []string
	for _, m := range owner.FindAllStringSubmatch(orderbeat.Config, -1) {
		kinds = append(kinds, m[1])
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// shippedConfig returns the shipped configuration without references to the source tree.
func shippedConfig(shipped string) string { return schemaLine.ReplaceAllString(shipped, "") }

// only returns the part of a configuration that one provider needs: its paragraphs, those before the
// first provider, and explanations of schedules. A provider that is commented out is uncommented in
// the result. ok is false for an unknown provider.
func only(shipped, provider string) (text string, ok bool) {
	active := strings.Contains(shipped, "\n[providers."+provider+"]")
	var kept []string
	general := true // before the first provider
	for paragraph := range strings.SplitSeq(strings.TrimSpace(shippedConfig(shipped)), "\n\n") {
		m := owner.FindStringSubmatch(paragraph)
		switch {
		case m == nil && general:
			kept = append(kept, paragraph)
		case m == nil: // explains the providers that are left out
		case m[1] == provider:
			ok = true
			if !active {
				paragraph = commented.ReplaceAllString(paragraph, "$1")
			}
			kept = append(kept, paragraph)
		}
		general = general && m == nil
	}
	return strings.Join(kept, "\n\n") + "\n", ok
}
