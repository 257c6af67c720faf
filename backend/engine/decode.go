// SPDX-License-Identifier: MPL-2.0

package engine

// What a request sends for a field becomes the value that is meant, or a mistake. The SDK's own
// decoding is lenient and loses what it cannot keep: it takes true for 1, cuts 5.7 to 5, turns
// numbers into text, and keeps the last of two pairs with one key.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-secure-stdlib/parseutil"
	"github.com/hashicorp/vault/sdk/framework"
)

// EditTTL marks a field of texts that holds a duration, as the Vault UI does: a number of
// seconds is as good there.
const EditTTL = "ttl"

// mostExact is the largest whole number that no other becomes: JSON's numbers reach a plugin as
// floating point, rounded.
const mostExact = 1<<53 - 1

// Decode returns the data of a request with each value in its field's own form, or every
// mistake at once. null and an empty text stay: [Set] knows what they mean.
func Decode(schema map[string]*framework.FieldSchema, data map[string]any) (map[string]any, error) {
	decoded := maps.Clone(data)
	var m Mistakes
	for _, name := range slices.Sorted(maps.Keys(data)) {
		field, raw := schema[name], data[name]
		if field == nil || raw == nil || raw == "" {
			continue
		}
		value, err := decode(field, raw)
		if err != nil {
			m.Add(name, "%w", err)
			continue
		}
		decoded[name] = value
	}
	if len(m) > 0 {
		m = append(m, unknown(schema, data)...)
	}
	return decoded, m.Err()
}

// unknown are the fields of a request that its path does not have.
func unknown(schema map[string]*framework.FieldSchema, data map[string]any) (m Mistakes) {
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if schema[name] == nil {
			m = append(m, UserErrorf("%s: there is no such field at this path", name))
		}
	}
	return m
}

func decode(field *framework.FieldSchema, raw any) (any, error) {
	switch field.Type {
	case framework.TypeString:
		if field.DisplayAttrs != nil && field.DisplayAttrs.EditType == EditTTL {
			d, err := duration(raw)
			return d.String(), err
		}
		return text(raw)
	case framework.TypeInt:
		return wholeNumber(raw)
	case framework.TypeBool:
		return truth(raw)
	case framework.TypeDurationSecond:
		d, err := duration(raw)
		return int(d / time.Second), err
	case framework.TypeCommaStringSlice:
		return list(raw)
	case framework.TypeKVPairs:
		tags := map[string]string{}
		return tags, pairs(tags, raw)
	}
	return nil, fmt.Errorf("has the type %s, which the engine does not decode", field.Type)
}

// formOf says what a value is, without repeating it: it may be a secret in the wrong place.
func formOf(raw any) string {
	switch raw.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "text"
	case []any, []string:
		return "a list"
	case map[string]any, map[string]string:
		return "a map"
	}
	return "a number"
}

func text(raw any) (string, error) {
	if s, ok := raw.(string); ok {
		return s, nil
	}
	form := formOf(raw)
	switch form {
	case "a number":
		form += "; put it in quotes, since a number can lose digits"
	case "a list":
		form += "; give the field once"
	case "a map":
		form += "; write JSON as one text, in quotes"
	}
	return "", errors.New("must be text, not " + form)
}

// number returns a whole number; ok is false for what is no number at all.
func number(raw any) (n int64, ok bool, err error) {
	var f float64
	switch v := raw.(type) {
	case int:
		f = float64(v)
	case int64:
		f = float64(v)
	case float64:
		f = v
	case json.Number:
		f, _ = v.Float64() // infinite where it is out of range
	default:
		return 0, false, nil
	}
	switch {
	case math.Abs(f) > mostExact:
		return 0, true, UserErrorf("%s is larger than a number in JSON can be and stay exact; write it as text, in quotes", fmt.Sprint(raw))
	case f != math.Trunc(f):
		return 0, true, UserErrorf("%s is not a whole number", fmt.Sprint(raw))
	}
	return int64(f), true, nil
}

func wholeNumber(raw any) (int, error) {
	if n, ok, err := number(raw); ok {
		return int(n), err
	}
	s, ok := raw.(string)
	if !ok {
		return 0, fmt.Errorf("must be a whole number, such as 5, not %s", formOf(raw))
	}
	n, err := strconv.Atoi(s)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, UserErrorf("%s is too large a number", s)
	case err != nil:
		return 0, UserErrorf("%q is not a whole number, such as 5", s)
	}
	return n, nil
}

func truth(raw any) (bool, error) {
	switch v := raw.(type) {
	case bool:
		return v, nil
	case string:
		b, err := strconv.ParseBool(v)
		if err != nil {
			return false, UserErrorf("%q is neither true nor false", v)
		}
		return b, nil
	}
	if n, ok, err := number(raw); ok && err == nil && (n == 0 || n == 1) {
		return n == 1, nil
	}
	return false, fmt.Errorf("must be true or false, not %s", formOf(raw))
}

func duration(raw any) (time.Duration, error) {
	const form = "use whole seconds, such as 3600, or text with a unit, such as 90s, 30m, 24h or 7d"
	n, ok, err := number(raw)
	if err != nil {
		return 0, fmt.Errorf("%w; %s", err, form)
	}
	s := strconv.FormatInt(n, 10)
	if !ok {
		if s, ok = raw.(string); !ok {
			return 0, fmt.Errorf("must be a duration, not %s; %s", formOf(raw), form)
		}
	}
	d, err := parseutil.ParseDurationSecond(s)
	switch {
	case errors.Is(err, parseutil.ErrDurationMultiplicationOverflow):
		return 0, UserErrorf("%s is too long a duration", s)
	case err != nil:
		return 0, UserErrorf("%q is not a duration; "+form, s)
	case d < 0:
		return 0, UserErrorf("%s is negative; use 0 or more", s)
	case d%time.Second != 0:
		return 0, UserErrorf("%s is not a whole number of seconds", s)
	}
	return d, nil
}

// list returns a text with commas as it is: the SDK splits it.
func list(raw any) (any, error) {
	switch v := raw.(type) {
	case string, []string:
		return v, nil
	case []any:
		texts := make([]string, len(v))
		for i, entry := range v {
			s, ok := entry.(string)
			if !ok {
				return nil, fmt.Errorf("entry %d must be text, not %s", i+1, formOf(entry))
			}
			texts[i] = s
		}
		return texts, nil
	}
	return nil, fmt.Errorf("must be a list of texts, not %s", formOf(raw))
}

// pairs adds a map, or texts of the form key=value, to a map of texts. No key may come twice.
// The text of a pair does not come back: it may be a secret in the wrong place.
func pairs(into map[string]string, raw any) error {
	add := func(key string, value any) error {
		s, ok := value.(string)
		if !ok {
			return UserErrorf("the value of %q must be text, not %s", key, formOf(value))
		}
		if _, twice := into[key]; twice {
			return UserErrorf("%q is there twice", key)
		}
		into[key] = s
		return nil
	}
	switch v := raw.(type) {
	case map[string]string:
		maps.Copy(into, v)
		return nil
	case map[string]any:
		var errs Mistakes
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := add(key, v[key]); err != nil {
				errs = append(errs, err)
			}
		}
		return errs.Err()
	case []string:
		for _, entry := range v {
			if err := pairs(into, entry); err != nil {
				return err
			}
		}
		return nil
	case []any:
		for i, entry := range v {
			if _, nested := entry.([]any); nested {
				return fmt.Errorf("entry %d must be a text of the form key=value, not a list", i+1)
			}
			if err := pairs(into, entry); err != nil {
				return err
			}
		}
		return nil
	case string:
		key, value, found := strings.Cut(v, "=")
		if !found || key == "" {
			return errors.New("holds a text that is not of the form key=value")
		}
		return add(key, value)
	}
	return fmt.Errorf("must be a map of texts, or texts of the form key=value, not %s", formOf(raw))
}
