// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"maps"
	"slices"
	"strings"
)

// Ask is what AWS can be asked about an identity: may it do these actions on each of these resources, with these keys of conditions?
type Ask struct {
	Actions, Resources []string
	Keys               map[string][]string
}

// Asks are what the statements of an identity allow. on says which resources a statement is asked about; none leaves it out.
func (p *Plan) Asks(identity string, on func(Statement) []string) (asks []Ask) {
	i := slices.IndexFunc(p.Identities, func(i Identity) bool { return i.Name == identity })
	if i < 0 {
		return nil
	}
	for _, s := range p.Identities[i].Statements {
		var resources []string
		for _, r := range on(s) {
			resources = append(resources, unescaped(r))
		}
		if len(resources) == 0 {
			continue
		}
		for _, keys := range s.Condition.examples() {
			asks = with(asks, Ask{slices.Clone(s.Actions), resources, keys})
		}
	}
	return asks
}

// with adds an ask; what differs by its actions alone takes those.
func with(asks []Ask, more Ask) []Ask {
	for i, a := range asks {
		if slices.Equal(a.Resources, more.Resources) && maps.EqualFunc(a.Keys, more.Keys, slices.Equal) {
			asks[i].Actions = append(a.Actions, more.Actions...)
			return asks
		}
	}
	return append(asks, more)
}

// examples are the keys of calls for which a condition holds: each value of a key that has one, and all of one that has several.
func (c Condition) examples() []map[string][]string {
	all := []map[string][]string{{}}
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		for key, values := range c[operator] {
			var next []map[string][]string
			for value := range slices.Chunk(values, chunk(operator, values)) {
				for _, keys := range all {
					more := maps.Clone(keys)
					more[key] = value
					next = append(next, more)
				}
			}
			all = next
		}
	}
	return all
}

// chunk is how many values of a key one call has.
func chunk(operator string, values []string) int {
	if strings.HasPrefix(operator, "ForAllValues:") {
		return len(values)
	}
	return 1
}

// unescaped is a resource whose wildcards are characters: that of one call.
func unescaped(resource string) string {
	return strings.NewReplacer("${*}", "*", "${?}", "?", "${$}", "$").Replace(resource)
}
