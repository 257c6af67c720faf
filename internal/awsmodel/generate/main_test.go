// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTableIsWhatTheModelSays(t *testing.T) {
	want, err := generate("../../../scripts/vault")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../model.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("model.json is not what the generator makes; run go generate ./internal/awsmodel")
	}
}
