package declared

import (
	"fmt"
	"strings"
	"unicode"

	"orderbeat/clients"
)

// checkAccounts checks whom the accounts name. Where tokens belong to users, each
// account names its own: "Each user must only be able to use it's own access token"
// (Mazda's Access keys for DMS). Several accounts may name one user.
func (p preset) checkAccounts(accounts []clients.Account, wrong *clients.Mistakes) {
	for i, a := range accounts {
		user, org := fmt.Sprintf("accounts[%d].user", i), fmt.Sprintf("accounts[%d].org", i)
		switch {
		case a.User == "" && p.dialect.UserGrants:
			wrong.Add(user, "is missing: tokens belong to users, and the account needs one whose tokens it uses")
		case a.User != "" && !p.dialect.UserGrants:
			wrong.Add(user, "has no effect: this kind of provider has no tokens of users")
		case strings.ContainsFunc(a.User, unicode.IsSpace), !printable(a.User):
			wrong.Add(user, "must have no blanks in it")
		}
		switch {
		case a.Org == "" && p.org.name != "":
			wrong.Add(org, "is missing: it is sent as %s: %s", p.org.name, p.org.form)
		case a.Org != "" && p.org.name == "":
			wrong.Add(org, "has no effect: this kind of provider has no header for it")
		case p.org.name != "" && !p.org.takes(a.Org):
			wrong.Add(org, "must be %s", p.org.form)
		}
	}
}

// takes reports whether the header can have this value.
func (h header) takes(value string) bool { return h.pattern.MatchString(value) && printable(value) }

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
