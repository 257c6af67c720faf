// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// This file cuts lists into pages.

// pageXML is what every list answers beside its items.
type pageXML struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// paginate returns the items that the request's Marker asks for, at most MaxItems and at most the server's own
// page size: "IAM might return fewer than the MaxItems number of results, even when there are more results
// available" (IAM API Reference, every List action). A marker names the last item of the page before, so that
// deleting what was listed moves nothing out of the next page.
func paginate[T any](a *account, q request, items []T, name func(T) string) ([]T, pageXML, *Refusal) {
	most := a.pageSize
	if asked, err := strconv.Atoi(q.params.Get("MaxItems")); err == nil {
		most = min(most, asked)
	}
	slices.SortFunc(items, func(x, y T) int { return strings.Compare(name(x), name(y)) })
	if q.params.Has("Marker") {
		after, err := base64.RawURLEncoding.DecodeString(q.params.Get("Marker"))
		if err != nil || len(after) == 0 {
			return nil, pageXML{}, validationError("Invalid Marker.")
		}
		items = slices.DeleteFunc(items, func(item T) bool { return name(item) <= string(after) })
	}
	if len(items) <= most {
		return items, pageXML{}, nil
	}
	items = items[:most]
	return items, pageXML{true, base64.RawURLEncoding.EncodeToString([]byte(name(items[most-1])))}, nil
}
