// SPDX-License-Identifier: MPL-2.0

package awsrules

// JSON, read so that nothing is lost: order, repeated keys, the text of numbers and
// strings, and where each stands. encoding/json keeps none of these.

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// mostNested is how deep a JSON text may be nested. A policy needs six levels.
const mostNested = 64

// jsonReader reads a JSON text from its beginning to its end.
type jsonReader struct {
	text  string
	at    int
	depth int
}

// readJSON reads a JSON text.
func readJSON(text string) (*jsonValue, error) {
	r := &jsonReader{text: text}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.skipSpace(); r.at < len(text) {
		return nil, r.unexpected("its end", r.at)
	}
	return v, nil
}

// next skips white space and returns the byte that follows, 0 at the end.
func (r *jsonReader) next() byte {
	r.skipSpace()
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *jsonReader) skipSpace() {
	rest := strings.TrimLeft(r.text[r.at:], " \t\r\n")
	r.at = len(r.text) - len(rest)
}

func (r *jsonReader) value() (*jsonValue, error) {
	switch c := r.next(); {
	case c == '{':
		return r.nested(jsonObject)
	case c == '[':
		return r.nested(jsonList)
	case c == '"':
		return r.string()
	case c == '-' || c >= '0' && c <= '9':
		return r.scalar(jsonNumber, numberForm)
	case c == 't' || c == 'f':
		return r.scalar(jsonBoolean, booleanForm)
	case c == 'n':
		return r.scalar(jsonNull, nullForm)
	}
	return nil, r.unexpected("a value", r.at)
}

// nested reads an object or a list.
func (r *jsonReader) nested(kind jsonKind) (*jsonValue, error) {
	v := &jsonValue{kind: kind, offset: r.at}
	if r.depth++; r.depth > mostNested {
		return nil, fmt.Errorf("it is nested more than %d deep at %s; a policy needs six levels", mostNested, place(r.text, r.at))
	}
	defer func() { r.depth-- }()
	end, read := byte(']'), r.item
	if kind == jsonObject {
		end, read = '}', r.member
	}
	r.at++
	if r.next() == end {
		r.at++
		return v, nil
	}
	for {
		if err := read(v); err != nil {
			return nil, err
		}
		switch r.next() {
		case end:
			r.at++
			return v, nil
		case ',':
			comma := r.at
			r.at++
			if r.next() == end {
				return nil, fmt.Errorf("it has a comma before %q at %s; remove the comma", end, place(r.text, comma))
			}
		default:
			return nil, r.unexpected(fmt.Sprintf("a comma or %q", end), r.at)
		}
	}
}

func (r *jsonReader) item(list *jsonValue) error {
	v, err := r.value()
	list.items = append(list.items, v)
	return err
}

func (r *jsonReader) member(object *jsonValue) error {
	if r.next() != '"' {
		return r.unexpected("a key in double quotes", r.at)
	}
	key, err := r.string()
	if err != nil {
		return err
	}
	if r.next() != ':' {
		return r.unexpected("a colon", r.at)
	}
	r.at++
	value, err := r.value()
	object.members = append(object.members, jsonMember{key, value})
	return err
}

// string reads a string. Raw control characters and unknown escapes are refused, as in
// RFC 8259.
func (r *jsonReader) string() (*jsonValue, error) {
	start := r.at
	for at := start + 1; at < len(r.text); at++ {
		switch c := r.text[at]; {
		case c == '"':
			v := &jsonValue{kind: jsonString, offset: start, raw: r.text[start : at+1]}
			if err := json.Unmarshal([]byte(v.raw), &v.text); err != nil {
				return nil, fmt.Errorf("it has the string %s at %s, with an escape that JSON does not have", Abridged(v.raw), place(r.text, start))
			}
			r.at = at + 1
			return v, nil
		case c == '\\':
			at++
		case c == '\n' || c == '\r':
			return nil, fmt.Errorf("the string that begins at %s is not closed on its line; a line break within a string is written \\n", place(r.text, start))
		case c < ' ':
			return nil, fmt.Errorf("it has the control character %#U within a string at %s", rune(c), place(r.text, at))
		}
	}
	return nil, fmt.Errorf("the string that begins at %s is not closed", place(r.text, start))
}

// The forms of what is neither nested nor a string.
var (
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`)
	booleanForm = regexp.MustCompile(`^(true|false)`)
	nullForm    = regexp.MustCompile(`^null`)
)

func (r *jsonReader) scalar(kind jsonKind, form *regexp.Regexp) (*jsonValue, error) {
	raw := form.FindString(r.text[r.at:])
	end := r.at + len(raw)
	if raw == "" || end < len(r.text) && !strings.ContainsRune(" \t\r\n,]}:", rune(r.text[end])) {
		return nil, r.unexpected("a value", r.at)
	}
	v := &jsonValue{kind: kind, offset: r.at, raw: raw}
	r.at = end
	return v, nil
}

// quoteJSON writes a text as a JSON string of Latin-1, in which AWS takes policies.
func quoteJSON(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			b.WriteByte('\\')
			b.WriteRune(char)
		case char >= ' ' && char <= 0xff:
			b.WriteRune(char)
		default:
			for _, unit := range utf16.Encode([]rune{char}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
