// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestAccountOfKey(t *testing.T) {
	for _, account := range []string{"123456789012", "000000000001", "999999999999"} {
		aws := fakeaws.New(t, fakeaws.WithAccount(account))
		if got := AccountOfKey(aws.RootKey().AccessKeyID); got != account {
			t.Errorf("a key of %s is taken for one of %q", account, got)
		}
	}
	for _, id := range []string{"", "AKIA", "minioadmin", "test", "AKIAIOSFODNN7EXAMPL1"} {
		if got := AccountOfKey(id); got != "" {
			t.Errorf("%q is taken for a key of %s", id, got)
		}
	}
}
