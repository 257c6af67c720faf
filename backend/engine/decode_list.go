// SPDX-License-Identifier: MPL-2.0

package engine

// Lists and maps of texts, in the forms in which a request may send them.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
			return errors.New("holds a text that is not of the form key=value; {} or null removes all")
		}
		return add(key, value)
	}
	return fmt.Errorf("must be a map of texts, or texts of the form key=value, not %s", formOf(raw))
}
