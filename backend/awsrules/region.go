// SPDX-License-Identifier: MPL-2.0

package awsrules

// Regions, and the partitions that they are in (AWS Fault Isolation Boundaries, "Partitions"; the
// SDK's own list, internal/endpoints/awsrulesfn/partitions.json).

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	labelForm  = regexp.MustCompile(`^[a-zA-Z0-9-]{1,63}$`)
	regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)
	// numbered is how the name of a region begins, and what may follow in that of a zone.
	numbered = regexp.MustCompile(`^([a-z]{2,}(?:-[a-z]+)+-\d+)(.*)$`)
	// pseudo are names that the SDK knows beside those of regions.
	pseudo = regexp.MustCompile(`^fips-|-fips$|-global$`)
)

// IsHostLabel reports whether a text can be part of a host's name, which the SDK asks of
// every region.
func IsHostLabel(text string) bool { return labelForm.MatchString(text) }

// CheckRegion says what keeps a text from being the name of a region of AWS's. What regions
// there are is AWS's business: one whose name has an unusual form earns a warning.
func CheckRegion(text string) (warning string, err error) {
	if !labelForm.MatchString(text) || !regionForm.MatchString(text) {
		return "", fmt.Errorf("%q is not the name of an AWS region, such as eu-central-1", Abridged(text))
	}
	parts := numbered.FindStringSubmatch(text)
	switch {
	case pseudo.MatchString(text):
		return "", nil
	case parts == nil:
		return fmt.Sprintf("%q does not end in a number, as the names of AWS's regions do, such as eu-central-1; calls may fail", text), nil
	case parts[2] != "": // Regions and Zones User Guide, "AWS Availability Zones", "AWS Local Zones"
		return "", fmt.Errorf("%q is a zone; use its region, %s", text, parts[1])
	}
	return "", nil
}

// partitions are the beginnings of the names of regions outside of the partition aws.
var partitions = []struct{ region, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
}

// RegionPartition is the partition that a region is in.
func RegionPartition(region string) string {
	region = strings.TrimPrefix(region, "fips-")
	if global, ok := strings.CutSuffix(region, "-global"); ok {
		return global // such as aws-cn-global
	}
	for _, p := range partitions {
		if strings.HasPrefix(region, p.region) {
			return p.partition
		}
	}
	return "aws"
}
