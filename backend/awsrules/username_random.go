// SPDX-License-Identifier: MPL-2.0

package awsrules

// What is random in a name: it tells the engine's users from all others.

import (
	"regexp"
	"strings"

	"github.com/hashicorp/go-secure-stdlib/base62"
	"github.com/hashicorp/go-uuid"
)

// random and uuid are the SDK's functions of these names; what they make is remembered.
func (u *NameTemplate) random(length int) (string, error) { return u.remember(base62.Random(length)) }
func (u *NameTemplate) uuid() (string, error)             { return u.remember(uuid.GenerateUUID()) }

func (u *NameTemplate) remember(text string, err error) (string, error) {
	u.made = append(u.made, text)
	return text, err
}

// leastPiece is the shortest piece of a longer random text that is looked for in a name: a
// shorter one stands there by chance as well.
const leastPiece = 4

// survived is how many characters of a random text are left of it in a name, in one piece.
// Upper and lower case are one, as they are to IAM.
func survived(random, name string) int {
	random, name = strings.ToLower(random), strings.ToLower(name)
	for length := min(len(random), len(name)); length > 0 && length >= min(leastPiece, len(random)); length-- {
		for at := 0; at+length <= len(random); at++ {
			if strings.Contains(name, random[at:at+length]) {
				return length
			}
		}
	}
	return 0
}

// builtInName is what the default template of the built-in engine makes, and the first
// edition: the time in seconds, and what is left of 20 random characters.
var builtInName = regexp.MustCompile(`^vault-.*-([0-9]{10}-[a-zA-Z0-9]{4,20})$`)

// RandomIn is how many characters of a name nobody else has thought of, where only the name
// is known: those of the time count as well, since together they are as rare.
func RandomIn(name string) int {
	if m := builtInName.FindStringSubmatch(name); m != nil {
		return len(m[1]) - 1
	}
	return 0
}
