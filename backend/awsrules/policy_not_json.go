// SPDX-License-Identifier: MPL-2.0

package awsrules

// What people send for a policy that is not JSON, and what to say to them.

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// otherForms are texts that are no JSON object, by how they begin, and what to do.
var otherForms = []struct {
	form  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`^file://`), `is the name of a file, not its content; write policy_document=@ and the path, such as policy_document=@policy.json`},
	{regexp.MustCompile(`^arn:[^\s]*$`), `is an ARN; name managed policies in policy_arns`},
	{regexp.MustCompile(`^@?[~./\\\w-][^\s{}"]*\.(json|txt|tpl|tmpl|hcl|tf|ya?ml|policy)$`), `is the name of a file, not its content; to send the file, write @ before the name, such as policy_document=@policy.json`},
	{regexp.MustCompile(`^@?(\.{1,2}|~)?/[^\s{}"]*$`), `is the path of a file, not its content; to send the file, write @ before the path, such as policy_document=@/tmp/policy.json`},
	{regexp.MustCompile(`(?i)^%7b`), `is URL-encoded; send the JSON text itself`},
	{regexp.MustCompile(`^(ey|ew)[A-Za-z0-9+/_=\s-]{8,}$`), `is base64; send the JSON text itself`},
	{regexp.MustCompile(`^"\s*\{`), `is a JSON text within a JSON string: it was encoded twice; send the object itself`},
	{regexp.MustCompile(`^'`), `begins with a single quote, which the shell was to take away; send the JSON text alone`},
	{regexp.MustCompile(`(?s)^\[\s*\{`), `is a JSON list; a policy is one object such as {"Version":"2012-10-17","Statement":[…]}`},
	{regexp.MustCompile(`(?i)^(---|"?(version|statement|id)"?\s*:)`), `looks like YAML; AWS takes JSON, such as {"Version":"2012-10-17","Statement":[…]}`},
	{regexp.MustCompile(`^(\$\{|data\b|jsonencode\b|resource\b|statement\b|Statement\b|[Vv]ersion\s*=)`), `looks like HCL; send what it becomes, such as jsonencode's result or the json attribute of aws_iam_policy_document`},
	{regexp.MustCompile(`^<`), `looks like XML or HTML; a policy is a JSON object`},
	{regexp.MustCompile(`^(//|/\*|#)`), `begins with a comment; JSON has none`},
}

// notPolicy is what any JSON text that is no object hears.
const notPolicy = `is not a policy; a policy is a JSON object such as {"Version":"2012-10-17","Statement":[…]}`

// explainText says what is wrong with a text as a whole, before it is read as JSON.
func explainText(text string) error {
	head := text[:min(len(text), 8)]
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), strings.HasPrefix(text, "\ufffd\ufffd"),
		!strings.HasPrefix(text, "\x00\x00") && strings.Contains(head, "\x00"):
		return errors.New("is UTF-16; save the file as UTF-8")
	case strings.HasPrefix(text, "\ufeff"):
		return errors.New("begins with a byte order mark (U+FEFF); save the file as UTF-8 without it")
	case !utf8.ValidString(text):
		return fmt.Errorf("has a byte that is not UTF-8 at %s", place(text, invalidAt(text)))
	}
	trimmed := strings.TrimSpace(text)
	for _, other := range otherForms {
		if other.form.MatchString(trimmed) {
			return errors.New(other.words)
		}
	}
	return nil
}

// invalidAt is where a text stops being UTF-8.
func invalidAt(text string) int {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// oddCharacters are those that editors and web pages put in place of what JSON has.
var oddCharacters = map[rune]string{
	'\u00a0': "a no-break space", '\ufeff': "a byte order mark", '\u2028': "a line separator", '\u2029': "a paragraph separator",
	'\u200b': "a zero-width space", '\u3000': "an ideographic space", '\u0085': "a next-line character", '\x00': "a null byte",
	'“': "a typographic quote", '”': "a typographic quote", '„': "a typographic quote", '‘': "a typographic quote", '’': "a typographic quote",
}

var (
	wordForm    = regexp.MustCompile(`^[A-Za-z_][\w.]*`)
	commentForm = regexp.MustCompile(`^(//|/\*|#)`)
)

// unexpected says what stands at an offset where JSON wants something else.
func (r *jsonReader) unexpected(want string, offset int) error {
	rest, where := r.text[offset:], place(r.text, offset)
	c, _ := utf8.DecodeRuneInString(rest)
	name, odd := oddCharacters[c]
	switch word := wordForm.FindString(rest); {
	case rest == "":
		return fmt.Errorf("it ends at %s, where %s is missing", where, want)
	case odd && strings.HasSuffix(name, "quote"):
		return fmt.Errorf("it has %s (%#U) at %s; use \"", name, c, where)
	case odd:
		return fmt.Errorf("it has %s (%U) at %s; replace it with a space", name, c, where)
	case commentForm.MatchString(rest):
		return fmt.Errorf("it has a comment at %s; JSON has none", where)
	case c == '\'':
		return fmt.Errorf("it has a single quote at %s; use \"", where)
	case c == '=':
		return fmt.Errorf("it has = at %s; JSON has a colon after a key", where)
	case want == "its end":
		return fmt.Errorf("it goes on after the end of the first value, with %q at %s; send one policy", c, where)
	case word != "":
		return fmt.Errorf("it has %s at %s, where %s is expected%s", Abridged(word), where, want, wordHint(word, want))
	case unicode.IsPrint(c):
		return fmt.Errorf("it has %q at %s, where %s is expected", c, where, want)
	}
	return fmt.Errorf("it has %U at %s, where %s is expected", c, where, want)
}

// wordHint says how a word that stands without quotes is written in JSON.
func wordHint(word, want string) string {
	switch lower := strings.ToLower(word); {
	case want != "a value":
		return ""
	case lower == "true", lower == "false":
		return "; write " + lower
	case lower == "none", lower == "null", lower == "nil", lower == "undefined":
		return "; omit the element"
	}
	return "; a string stands in double quotes"
}
