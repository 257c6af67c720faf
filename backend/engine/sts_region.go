// SPDX-License-Identifier: MPL-2.0

package engine

// Regions of STS that do not fit the endpoints beside them.

import (
	"fmt"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// regionsElsewhere warns of regions for which AWS's own endpoints take no signature.
func (c *RootConfig) regionsElsewhere() (warnings []string) {
	check := func(field, endpoint, region string) {
		switch of := awscreds.RegionOfSTS(endpoint); {
		case endpoint == "" || region == "" || of == "" || of == region:
		case awscreds.IsGlobalSTS(endpoint):
			warnings = append(warnings, fmt.Sprintf("%s: %q is not used, because calls of %s are signed for %s; omit it", field, region, endpoint, of))
		default:
			warnings = append(warnings, fmt.Sprintf("%s: %s is of %s, and AWS refuses what is signed for %q; omit it, or write %s", field, endpoint, of, region, of))
		}
	}
	check("sts_region", c.STSEndpoint, c.STSRegion)
	for i := range min(len(c.STSFallbackEndpoints), len(c.STSFallbackRegions)) {
		check("sts_fallback_regions", c.STSFallbackEndpoints[i], c.STSFallbackRegions[i])
	}
	return warnings
}
