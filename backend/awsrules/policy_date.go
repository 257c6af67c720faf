// SPDX-License-Identifier: MPL-2.0

package awsrules

// Dates in conditions: IAM User Guide, "Condition operators", Date: "one of the W3C
// implementations of the ISO 8601 date formats or in epoch (UNIX) time".

import (
	"regexp"
	"strconv"
)

// AWS is more lenient than W3C: it takes one digit where two are usual, time alone after a
// year, a zone of hours alone. What it refuses is in testdata/policies/date.txt.
var (
	epochForm = regexp.MustCompile(`^[0-9]+$`)
	isoForm   = regexp.MustCompile(`^(?i)(-?[0-9]{1,9})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?` +
		`(?:t(?:([0-9]{1,2})(?::([0-9]{1,2})(?::([0-9]{1,2})(?:\.[0-9]{1,9})?)?)?)?(?:z|[+-]([0-9]{2})(?::?([0-9]{2}))?)?)?$`)
)

// isoRanges are the least and the most of each group of isoForm: year, month, day, hour,
// minute, second, and hour and minute of the zone.
var isoRanges = [][2]int{{-292275054, 292278993}, {1, 12}, {1, 31}, {0, 23}, {0, 59}, {0, 59}, {0, 23}, {0, 59}}

// isPolicyDate reports whether a condition can be compared with a date.
func isPolicyDate(value string) bool {
	if epochForm.MatchString(value) {
		_, err := strconv.ParseInt(value, 10, 64)
		return err == nil
	}
	parts := isoForm.FindStringSubmatch(value)
	if parts == nil {
		return false
	}
	for i, part := range parts[1:] {
		if part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < isoRanges[i][0] || n > isoRanges[i][1] {
			return false
		}
	}
	return true
}
