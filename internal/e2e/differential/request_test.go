// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about one request of the comparison: how it is written down, and how it is sent to one of the mounts.

// fields is the body of a request.
type fields map[string]any

// request is a request to both mounts. Words in braces stand for what is different on each side: {aws} the endpoint,
// {key} and {secret} the root key, {mount} the mount, and {lease:name} the lease of the request that kept it.
type request struct {
	method, path string // below the mount, but for sys/
	body         fields
	keep         string    // the name by which later requests know the lease
	note         string    // tells it apart from an equal request before it
	then         []request // are sent afterwards, and not compared
}

func get(path string) request                { return request{method: "GET", path: path} }
func list(path string) request               { return request{method: "LIST", path: path} }
func remove(path string) request             { return request{method: "DELETE", path: path} }
func write(path string, body fields) request { return request{method: "POST", path: path, body: body} }

// writeAll writes to one path what each of the bodies says.
func writeAll(path string, bodies ...fields) []request {
	var all []request
	for _, body := range bodies {
		all = append(all, write(path, body))
	}
	return all
}

// keeping has later requests know the lease of the answer.
func (r request) keeping(lease string) request {
	r.keep = lease
	return r
}

// noted tells the request apart from an equal one.
func (r request) noted(note string) request {
	r.note = note
	return r
}

// putRight sends a further request after each of these, uncounted: what one side took and the other refused must not
// change what later requests meet.
func putRight(with request, all ...request) []request {
	for i := range all {
		all[i].then = append(all[i].then, with)
	}
	return all
}

// title is what the request is called in the list of differences, much as one would type it.
func (r request) title() string {
	words := []string{r.method, shorten(r.path, 70)}
	for _, name := range slices.Sorted(maps.Keys(r.body)) {
		value, isText := r.body[name].(string)
		if !isText {
			encoded, err := json.Marshal(r.body[name])
			if err != nil {
				value = err.Error()
			} else {
				value = string(encoded)
			}
		}
		words = append(words, name+"="+shorten(value, 60))
	}
	if r.note != "" {
		words = append(words, "("+r.note+")")
	}
	return strings.Join(words, " ")
}

// shorten keeps a title to a line.
func shorten(text string, length int) string {
	if len(text) <= length {
		return text
	}
	return fmt.Sprintf("%s… [%d characters]", text[:length-20], len(text))
}

// side is one of the two mounts and its account.
type side struct {
	t        *testing.T
	mount    string
	account  *fakeaws.Server
	words    map[string]string   // what the words in braces stand for
	keys     map[string][]string // of each user, every access key that was ever seen
	users    []string            // as they were after the last request
	tagged   []string            // users whose ownership tags were looked at
	sessions int                 // that STS had handed out then
}

// ask sends the request and returns all that can be observed of it, each aspect in a form that is the same on both sides.
func (s *side) ask(v *server.Server, r request) map[string]string {
	s.t.Helper()
	path := s.fill(r.path)
	if !strings.HasPrefix(path, "sys/") {
		path = s.mount + "/" + path
	}
	var body any
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			s.t.Fatalf("encoding the body of %s: %v", r.title(), err)
		}
		body = json.RawMessage(s.fill(string(encoded)))
	}
	a, err := v.Request(r.method, path, body)
	if err != nil {
		s.t.Fatalf("%s at %s: %v", r.title(), s.mount, err)
	}
	if r.keep != "" {
		s.words["{lease:"+r.keep+"}"] = a.Lease()
	}
	seen := s.observe(a)
	s.observeAWS(seen)
	return seen
}

// fill puts in what the words in braces stand for.
func (s *side) fill(text string) string {
	for word, meaning := range s.words {
		text = strings.ReplaceAll(text, word, meaning)
	}
	return text
}
