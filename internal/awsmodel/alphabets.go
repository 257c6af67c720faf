// SPDX-License-Identifier: MPL-2.0

package awsmodel

// What each pattern of the model means, read by a person.

// lookAlike are a letter, a digit and a space that are not ASCII, and what ends a line.
var lookAlike = []string{"é", "٣", "\u00A0", "\n"}

var alphabets = []alphabet{
	{patterns: []string{""}, fill: "a"},
	{
		patterns: []string{`[\w+=,.@-]+`, `[\w+=,.@-]*`}, fill: "a", inside: "azAZ09_+=,.@-",
		outside: append([]string{" ", "/", ":", "*", "`", "{", "?", "[", "\x00"}, lookAlike...),
	},
	{
		patterns: []string{`[\w+=/:,.@-]+`, `[\w+=/:,.@-]*`, `[\w+=,.@:\/-]*`}, fill: "a", inside: "azAZ09_+=/:,.@-",
		outside: append([]string{" ", "*", ";", "\\"}, lookAlike...),
	},
	{patterns: []string{`[\w]+`}, fill: "A", inside: "azAZ09_", outside: append([]string{" ", "-", "/"}, lookAlike...)},
	{patterns: []string{`[\d]+`, `[\d]*`}, fill: "1", outside: append([]string{" ", "a", "-"}, lookAlike...)},
	{
		patterns: []string{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`}, before: "/", after: "/", fill: "a", inside: "!~a:/*",
		outside: append([]string{" ", "\x7F", "\x1F"}, lookAlike...), whole: []string{"a/", "/a", "//", "a"},
	},
	{
		patterns: []string{`\u002F[\u0021-\u007F]*`}, before: "/", fill: "a", inside: "!\x7F~/",
		outside: append([]string{" "}, lookAlike...), whole: []string{"a/", "a"},
	},
	{
		patterns: []string{`((/[A-Za-z0-9\.,\+@=_-]+)*)/`}, before: "/", after: "/", fill: "a", inside: "azAZ09.,+@=_-/b",
		outside: append([]string{" ", ":", "*"}, lookAlike...), whole: []string{"a/", "/a", "//"},
	},
	{
		patterns: []string{`[\u0020-\u00FF]+`}, fill: "a", inside: " ~\u0080ÿ",
		outside: []string{"\x1F", "\t", "\n", "Ā"},
	},
	{
		patterns: []string{`[\u0009\u000A\u000D\u0020-\u00FF]+`}, fill: "a", inside: "\t\n\r ~\u0080ÿ",
		outside: []string{"\x00", "\v", "\x1F", "Ā", "€", "\U0001F511"},
	},
	{
		patterns: []string{`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`}, fill: "a",
		inside: "aZ9é٣Ⅷ \u00A0\u2028\u3000_.:/=+-@\U0001D400", outside: []string{"&", "*", "\t", "\n", "\u0301", "\U0001F511", "\x00"},
	},
	{
		patterns: []string{`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`}, fill: "a",
		inside: "\t\n\r ~\u0085\u00A0\uD7FF\uE000\uFFFD\U00010000\U0010FFFF", outside: []string{"\x00", "\v", "\x7F", "\u0084", "\u009F", "\uFFFE"},
	},
}
