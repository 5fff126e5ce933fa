package notifier

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderbeat/clients/plain"
	"orderbeat/db/notifications"
)

const (
	// maxText bounds a message, in characters: services reject or cut longer ones.
	maxText = 1000
	// maxNames is the number of alerts that a message about several alerts lists.
	maxNames = 20
	// maxName bounds the subject of an alert and the title, maxMessage its message, maxHint its hint.
	// In a message about several alerts, maxHint bounds both message and hint.
	maxName    = 120
	maxMessage = 350
	maxHint    = 200
)

// message returns the title and the text of the message about alerts with the same code and state.
func message(list []notifications.Notification) (title, text string) {
	first := &list[0]
	about := subject(first)
	if len(list) > 1 {
		about = fmt.Sprintf("%d alerts", len(list))
		if provider, same := commonProvider(list); same {
			about += " of " + provider
		}
	}
	title = fmt.Sprintf("%s %s: %s", strings.ToUpper(first.State), first.Code, about)
	lines := []string{title}
	if len(list) > 1 {
		lines = append(lines, names(list)...)
	}
	if first.State == "raised" {
		lines = append(lines, details(first, len(list) > 1)...)
	} else if len(list) == 1 {
		lines = append(lines, "raised at "+first.Since.UTC().Format(time.RFC3339))
	}
	return "Orderbeat: " + shorten(title, maxName), shorten(strings.Join(lines, "\n"), maxText)
}

// subject returns what an alert is about: provider, account, user and kind.
func subject(n *notifications.Notification) string {
	s := n.Provider
	if n.Account != "" {
		s += ", account " + n.Account
	}
	if n.User != "" {
		s += ", user " + n.User
	}
	if n.Kind != "" {
		s += " (" + n.Kind + ")"
	}
	return shorten(plain.Line(s), maxName)
}

func commonProvider(list []notifications.Notification) (string, bool) {
	for i := range list {
		if list[i].Provider != list[0].Provider {
			return "", false
		}
	}
	return list[0].Provider, true
}

// names returns one line for each alert of a message about several alerts.
func names(list []notifications.Notification) []string {
	var lines []string
	size := 0
	for i := range list {
		line := "- " + subject(&list[i])
		size += utf8.RuneCountInString(line) + 1
		if i == maxNames || size > maxText/2 {
			return append(lines, fmt.Sprintf("and %d more: run \"orderbeat alerts\"", len(list)-i))
		}
		lines = append(lines, line)
	}
	return lines
}

// details returns the lines that explain a raised alert.
func details(n *notifications.Notification, oneOfSeveral bool) []string {
	lines := []string{shorten(plain.Line(n.Message), maxMessage)}
	if oneOfSeveral {
		lines[0] = shorten("First alert: "+lines[0], maxHint)
	}
	if n.Hint != "" {
		lines = append(lines, shorten(plain.Line(n.Hint), maxHint))
	}
	if n.Link != "" && !oneOfSeveral {
		lines = append(lines, n.Link)
	}
	return append(lines, "since "+n.Since.UTC().Format(time.RFC3339))
}

// shorten truncates a text to at most that number of characters.
func shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
