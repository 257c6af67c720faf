// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file brings answers into a form in which two of them can be compared: what is random or belongs to one
// account gets a name of its own.

// observe takes an answer apart. The words of errors and warnings may differ; that there are some may not.
func (s *side) observe(a server.Answer) map[string]string {
	seen := map[string]string{"status": fmt.Sprint(a.Status)}
	if a.Status >= 400 {
		if errors, _ := a.Body["errors"].([]any); len(errors) == 0 {
			seen["status"] += " without a reason"
		}
		return seen
	}
	if warnings, _ := a.Body["warnings"].([]any); len(warnings) > 0 {
		seen["status"] += " with a warning"
	}
	if doc, ok := openAPIOf(a); ok {
		s.observeOpenAPI(doc, seen)
		if help, _ := a.Body["help"].(string); help != "" {
			seen["help"] = "a text"
		}
		return seen
	}
	for name, value := range a.Body {
		switch name {
		case "request_id", "warnings", "mount_type":
		case "lease_id":
			if value != "" {
				seen["lease_id"] = "a lease"
			}
		case "data":
			s.flatten(seen, "data", value)
		case "renewable", "lease_duration":
			// Of what has no lease they say nothing.
			if a.Lease() != "" {
				seen[name] = s.plain(name, value)
			}
		default:
			if value != nil {
				seen[name] = s.plain(name, value)
			}
		}
	}
	return seen
}

// comparable are the aspects of both sides that it makes sense to compare: where one of the two was refused, or has
// nothing to say, the rest of the other's answer is no further difference.
func comparable(a, b map[string]string) []string {
	var aspects []string
	both := maps.Clone(a)
	maps.Copy(both, b)
	refused := isError(a) != isError(b)
	for _, aspect := range slices.Sorted(maps.Keys(both)) {
		if refused && aspect != "status" && !strings.HasPrefix(aspect, "AWS ") {
			continue
		}
		aspects = append(aspects, aspect)
	}
	return aspects
}

func isError(seen map[string]string) bool { return seen["status"] >= "4" }

// flatten gives each value of nested data an aspect of its own.
func (s *side) flatten(seen map[string]string, at string, value any) {
	nested, ok := value.(map[string]any)
	if !ok || len(nested) == 0 {
		seen[at] = s.plain(at, value)
		return
	}
	for name, inner := range nested {
		// Tags are a value, not further data.
		if strings.HasSuffix(name, "_tags") {
			seen[at+"."+name] = s.plain(name, inner)
			continue
		}
		s.flatten(seen, at+"."+name, inner)
	}
}

var (
	leaseEnd = regexp.MustCompile(`^(peer|ours)(/(?:creds|sts)/[^/]+/)\w{24}$`)
	idForm   = regexp.MustCompile(`\b(AKIA|ASIA|AIDA|AROA)[A-Z0-9]{12,}`)
	nameTail = regexp.MustCompile(`\b\d{10}-[A-Za-z0-9]{4,}`)
	secret   = regexp.MustCompile(`\b(secret_key|session_token|security_token)$`)
)

// plain is a value without what is random in it.
func (s *side) plain(aspect string, value any) string {
	if text, isText := value.(string); isText && text != "" && secret.MatchString(aspect) {
		return "a secret"
	}
	if entries, isList := value.([]any); isList {
		value = sorted(entries)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		s.t.Fatalf("encoding %s: %v", aspect, err)
	}
	text := string(encoded)
	if quoted, isText := value.(string); isText {
		text = quoted
	}
	return s.anonymous(text)
}

// anonymous replaces what belongs to this side alone.
func (s *side) anonymous(text string) string {
	if text == "" {
		return `""`
	}
	for _, word := range []string{"{aws}", "{key}", "{secret}"} {
		text = strings.ReplaceAll(text, s.words[word], word)
	}
	text = leaseEnd.ReplaceAllString(text, "{mount}${2}RANDOM")
	text = idForm.ReplaceAllString(text, "$1…")
	return nameTail.ReplaceAllString(text, "TIME-RANDOM")
}

// sorted puts a list into an order: which one it came in does not matter anywhere in this API.
func sorted(entries []any) []any {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return entries
}

// few is how far two clocks may be apart: the two requests are sent one after the other, on a machine that may be busy.
const few = time.Minute

// alike says whether two values mean the same. Times and what is left of them differ a little.
func alike(aspect, a, b string) bool {
	if a == b {
		return true
	}
	if strings.HasSuffix(aspect, "ttl") || aspect == "lease_duration" {
		x, xErr := strconv.ParseFloat(a, 64)
		y, yErr := strconv.ParseFloat(b, 64)
		return xErr == nil && yErr == nil && x > 0 && y > 0 && time.Duration(max(x-y, y-x))*time.Second <= few
	}
	x, xErr := time.Parse(time.RFC3339, a)
	y, yErr := time.Parse(time.RFC3339, b)
	return xErr == nil && yErr == nil && x.Sub(y).Abs() <= few
}

// text is a map in the order of its keys.
func joined(values map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, name+"="+values[name])
	}
	return strings.Join(pairs, ",")
}
