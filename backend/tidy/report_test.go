// SPDX-License-Identifier: MPL-2.0

package tidy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func TestReportIsBounded(t *testing.T) {
	t.Parallel()
	report := newReport()
	for i := range 2 * mostFound {
		user := &awscreds.FoundUser{Name: fmt.Sprintf("vault-token-developer-access-%d-%s", i, strings.Repeat("x", 20)), Created: time.Now()}
		report.examined(user, "", "developer-access", findOrphan, fmt.Errorf("%d: %s", i, strings.Repeat("é", mostErrorText)), false)
	}
	stored, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	again := new(runReport)
	if err := json.Unmarshal(stored, again); err != nil {
		t.Fatal(err)
	}
	shown := again.response()
	if shown["found_count"] != 2*mostFound || shown["errors_count"] != 2*mostFound {
		t.Errorf("%v found, %v errors", shown["found_count"], shown["errors_count"])
	}
	if found, errs := shown["found"].([]map[string]any), shown["errors"].([]string); len(found) != mostFound || len(errs) != mostErrors || len(errs[0]) > mostErrorText+10 {
		t.Errorf("%d found, %d errors", len(found), len(errs))
	}
	if len(stored) > 256<<10 {
		t.Errorf("%d bytes are stored", len(stored))
	}
}
