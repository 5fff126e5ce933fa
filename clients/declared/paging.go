package declared

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"

	"orderbeat/auth"
	"orderbeat/clients/declared/jq"
)

// The ways of paging.
const (
	byCursor = "cursor" // each page has the cursor of the next
	byPage   = "page"   // pages are numbered
	byOffset = "offset" // a page begins after a number of items
	byLink   = "link"   // the header Link (RFC 8288), or the response, has the URL
)

const followPath = "path"

var pagings = []string{byCursor, byPage, byOffset, byLink}

type pager struct {
	paging
	next, items, total, pages, more, nextURL *jq.Program
}

func (c *compiler) paging(key string, p paging) pager {
	g := pager{
		paging: p, next: c.optional(key+".next", p.Next), items: c.optional(key+".items", p.Items), total: c.optional(key+".total", p.Total),
		pages: c.optional(key+".pages", p.Pages), more: c.optional(key+".more", p.More), nextURL: c.optional(key+".next_url", p.NextURL),
	}
	switch p.By {
	case "":
		if p != (paging{First: p.First, MaxPages: p.MaxPages}) {
			c.wrong.Add(key+".by", `is missing: "cursor", "page", "offset" or "link"`)
		}
		return g
	case byLink:
	case byCursor:
		switch {
		case p.Next == "" && p.Header == "":
			c.wrong.Add(key+".next", "is missing: a jq program that finds the next cursor in a response; or header, the name of the header with it")
		case p.Next != "" && p.Header != "":
			c.wrong.Add(key+".header", "cannot be combined with next: the cursor is in one place")
		}
	case byPage:
		if p.Pages == "" && p.More == "" && p.Items == "" {
			c.wrong.Add(key, "needs pages, more or items: a jq program that detects the last page")
		}
	case byOffset:
		if p.Items == "" {
			c.wrong.Add(key+".items", "is missing: a jq program that counts the items of a page")
		}
	default:
		c.wrong.Add(key+".by", `must be "cursor", "page", "offset" or "link", not %.40q; omit it without paging`, p.By)
	}
	for _, only := range []struct {
		name, text string
		by         []string
	}{
		{"next", p.Next, []string{byCursor}},
		{"header", p.Header, []string{byCursor}},
		{"pages", p.Pages, []string{byPage}},
		{"total", p.Total, []string{byOffset}},
		{"items", p.Items, []string{byPage, byOffset}},
		{"more", p.More, []string{byPage, byOffset}},
		{"next_url", p.NextURL, []string{byLink}},
		{"follow", p.Follow, []string{byLink}},
	} {
		if only.text != "" && slices.Contains(pagings, p.By) && !slices.Contains(only.by, p.By) {
			c.wrong.Add(key+"."+only.name, `has no effect: it goes with by = "%s"`, strings.Join(only.by, `" or "`))
		}
	}
	if p.Follow != "" && p.Follow != followPath {
		c.wrong.Add(key+".follow", `must be "path", to use only path and query of links, not %.40q`, p.Follow)
	}
	if p.MaxPages < 1 {
		c.wrong.Add(key+".max_pages", "must be 1 or more")
	}
	if p.Size < 0 {
		c.wrong.Add(key+".size", "must be 0, for the provider's own, or more")
	}
	return g
}

// needs is the variable that the request must use, "" for none.
func (g *pager) needs() string {
	switch g.By {
	case byCursor, byPage, byOffset:
		return g.By
	}
	return ""
}

// start is the scope of the first page.
func (g *pager) start(s jq.Scope) jq.Scope {
	if g.Size > 0 {
		s = s.With("size", g.Size)
	}
	switch g.By {
	case byPage:
		s = s.With("page", g.First)
	case byOffset:
		s = s.With("offset", 0)
	}
	return s
}

// pageRef identifies a page: by its scope, or by its URL. done means that there is no such page.
type pageRef struct {
	scope  jq.Scope
	url    *url.URL
	cursor string // the cursor of the page, "" for none
	done   bool
}

// after returns the page after the one requested at address with s.
func (g *pager) after(ctx context.Context, page *page, address *url.URL, s jq.Scope) (pageRef, error) {
	switch g.By {
	case byCursor:
		return g.afterCursor(ctx, page, s)
	case byPage, byOffset:
		return g.afterNumber(ctx, page, s)
	case byLink:
		return g.afterLink(ctx, page, address, s)
	}
	return pageRef{done: true}, nil
}

func (g *pager) afterCursor(ctx context.Context, page *page, s jq.Scope) (pageRef, error) {
	var next any = page.header.Get(g.Header)
	if g.next != nil {
		var err error
		if next, err = g.next.One(ctx, page.body, s); err != nil {
			return pageRef{}, fmt.Errorf("paging.next: %w", err)
		}
	}
	if jq.Blank(next) || next == false {
		return pageRef{done: true}, nil
	}
	cursor, ok := jq.PlainText(next)
	if !ok {
		return pageRef{}, fmt.Errorf("paging.next is %s, expected a cursor", jq.TypeName(next))
	}
	return pageRef{scope: s.With("cursor", cursor), cursor: cursor}, nil
}

func (g *pager) afterNumber(ctx context.Context, page *page, s jq.Scope) (pageRef, error) {
	variable, step := byPage, 1
	items, counted, err := g.count(ctx, "items", g.items, page, s)
	if err != nil {
		return pageRef{}, err
	}
	if g.By == byOffset {
		variable, step = byOffset, items
	}
	at, _ := s.Value(variable).(int)
	last, err := g.last(ctx, page, s, at+step)
	short := counted && (items == 0 || g.Size > 0 && items < g.Size && !g.statesEnd())
	if err != nil || last || short {
		return pageRef{done: true}, err
	}
	return pageRef{scope: s.With(variable, at+step)}, nil
}

// statesEnd reports whether a response states that it is the last.
func (g *pager) statesEnd() bool { return g.pages != nil || g.total != nil || g.more != nil }

// last reports whether a page states that a page beginning at next is past the end.
func (g *pager) last(ctx context.Context, page *page, s jq.Scope, next int) (bool, error) {
	if pages, stated, err := g.count(ctx, "pages", g.pages, page, s); err != nil || stated && next-g.First >= pages {
		return true, err
	}
	if total, stated, err := g.count(ctx, "total", g.total, page, s); err != nil || stated && next >= total {
		return true, err
	}
	if g.more == nil {
		return false, nil
	}
	more, err := g.more.One(ctx, page.body, s)
	if err != nil {
		return true, fmt.Errorf("paging.more: %w", err)
	}
	return more == nil || more == false, nil
}

// count evaluates a program that counts; stated is false if there is none.
func (g *pager) count(ctx context.Context, name string, p *jq.Program, page *page, s jq.Scope) (n int, stated bool, err error) {
	if p == nil {
		return 0, false, nil
	}
	v, err := p.One(ctx, page.body, s)
	if err != nil {
		return 0, false, fmt.Errorf("paging.%s: %w", name, err)
	}
	text, _ := jq.PlainText(v)
	if n, err = strconv.Atoi(strings.TrimSpace(text)); err != nil || n < 0 {
		return 0, false, fmt.Errorf("paging.%s is %s, expected a whole number", name, jq.TypeName(v))
	}
	return n, true, nil
}

// afterLink follows the link with the relation next (RFC 8288), or the URL in the response.
// Credentials are sent with the request, so the URL must be on the same host; with follow = "path" the host in the
// link is ignored.
func (g *pager) afterLink(ctx context.Context, page *page, address *url.URL, s jq.Scope) (pageRef, error) {
	target, ok := nextLink(page.header.Values("Link"))
	if g.nextURL != nil {
		v, err := g.nextURL.One(ctx, page.body, s)
		if err != nil {
			return pageRef{}, fmt.Errorf("paging.next_url: %w", err)
		}
		if ok = !jq.Blank(v) && v != false; ok {
			if target, ok = v.(string); !ok {
				return pageRef{}, fmt.Errorf("paging.next_url is %s, expected a URL", jq.TypeName(v))
			}
		}
	}
	if !ok {
		return pageRef{done: true}, nil
	}
	next, err := address.Parse(strings.TrimSpace(target))
	if err != nil {
		return pageRef{}, errors.New("the link to the next page is not a URL")
	}
	if g.Follow != followPath && !auth.SameOrigin(next, address) {
		return pageRef{}, errors.New("the link to the next page leads to another host")
	}
	return pageRef{scope: s, url: &url.URL{Scheme: address.Scheme, Host: address.Host, Path: next.Path, RawPath: next.RawPath, RawQuery: next.RawQuery}}, nil
}

// visited are the earlier pages of one query. A provider that repeats one of them would do so
// forever.
type visited struct {
	seed     maphash.Seed
	cursors  map[string]bool
	urls     map[string]bool
	contents map[uint64]int // numbers of pages
}

func newVisited() *visited {
	return &visited{seed: maphash.MakeSeed(), cursors: map[string]bool{}, urls: map[string]bool{}, contents: map[uint64]int{}}
}

// repeated says what is repeated: the content of a page, or its successor. It returns "" for a new page.
// Empty pages have the content 0, which may repeat.
func (v *visited) repeated(number int, contents uint64, address *url.URL, next pageRef) string {
	v.urls[address.String()] = true
	before := v.contents[contents]
	switch {
	case next.done && before == 0:
		return ""
	case contents != 0 && before > 0:
		return fmt.Sprintf("page %d has the content of page %d", number, before)
	case next.cursor != "" && v.cursors[next.cursor]:
		return fmt.Sprintf("page %d leads to an earlier cursor", number)
	case next.url != nil && v.urls[next.url.String()]:
		return fmt.Sprintf("page %d links to an earlier page", number)
	}
	if contents != 0 {
		v.contents[contents] = number
	}
	if next.cursor != "" {
		v.cursors[next.cursor] = true
	}
	return ""
}

// digest returns the same hash for equal values, and almost always different ones for others.
func digest(seed maphash.Seed, v any) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	switch v := v.(type) {
	case map[string]any:
		sum := uint64(len(v)) + 1
		for name, v := range v { // in any order
			sum += maphash.String(seed, name)*31 ^ digest(seed, v)
		}
		maphash.WriteComparable(&h, sum)
	case []any:
		for _, v := range v {
			maphash.WriteComparable(&h, digest(seed, v))
		}
	case string:
		_, _ = h.WriteString(v)
	default:
		text, _ := jq.PlainText(v)
		_, _ = fmt.Fprint(&h, gojq.TypeOf(v), text, v == true)
	}
	return h.Sum64()
}

// links finds <address>; parameters in a header Link. An address may have commas in it.
var links = regexp.MustCompile(`<([^>]*)>([^<]*)`)

// relationNext finds the relation next among a link's parameters.
var relationNext = regexp.MustCompile(`(?i);\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")`)

func nextLink(values []string) (target string, ok bool) {
	for _, value := range values {
		for _, link := range links.FindAllStringSubmatch(value, -1) {
			if relationNext.MatchString(link[2]) {
				return link[1], true
			}
		}
	}
	return "", false
}
