// SPDX-License-Identifier: MPL-2.0

package backend

// What AWS does with policy documents, and who says so: awsrules/testdata/policies. The
// engine refuses at the write what AWS refuses, and nothing else.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// policyCase is one document of the corpus.
type policyCase struct {
	name      string
	accepted  bool   // by AWS
	source    string // who says so
	guess     string // why that is a guess, if it is one
	partition string // of the accounts that accept it, if others do not
	engine    string // what the engine says of it, if anything
	document  string
}

// policyCorpus reads all files; their README.md describes the format.
func policyCorpus(t testing.TB) (cases []policyCase) {
	t.Helper()
	files, err := filepath.Glob("awsrules/testdata/policies/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range strings.Split("\n"+string(raw), "\n== ")[1:] {
			head, document, found := strings.Cut(entry, "\n\n")
			name, keys, _ := strings.Cut(head, "\n")
			c := policyCase{name: strings.TrimSuffix(filepath.Base(file), ".txt") + ": " + name, document: strings.TrimSuffix(document, "\n")}
			if err := c.read(keys); err != nil || !found {
				t.Fatalf("%s: %v", c.name, err)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// read reads the lines above a document.
func (c *policyCase) read(keys string) (err error) {
	for line := range strings.SplitSeq(keys, "\n") {
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "AWS":
			if c.accepted = value == "accepts"; !c.accepted && value != "refuses" {
				return fmt.Errorf("AWS: %q", value)
			}
		case "source":
			c.source = value
		case "guess":
			c.guess = value
		case "partition":
			c.partition = value
		case "engine":
			c.engine = value
		case "quoted":
			if c.document, err = strconv.Unquote(strings.TrimSpace(c.document)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no such key: %q", line)
		}
	}
	if c.source == "" {
		return fmt.Errorf("no source")
	}
	return nil
}

func TestPolicyCorpus(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	accepted, refused, guesses := 0, 0, 0
	for _, c := range policyCorpus(t) {
		t.Run(c.name, func(t *testing.T) {
			resp, err := m.ask(logical.UpdateOperation, "roles/r", map[string]any{"policy_document": c.document})
			if err != nil {
				t.Fatal(err)
			}
			var said string
			switch {
			case resp.IsError():
				said = resp.Error().Error()
			case resp != nil:
				said = strings.Join(resp.Warnings, "; ")
			}
			if resp.IsError() == c.accepted {
				t.Errorf("AWS accepts it: %t (%s). The engine says: %s", c.accepted, c.source, said)
			}
			if !strings.Contains(said, c.engine) || c.engine == "" && said != "" || said != "" && !strings.HasPrefix(said, "policy_document: ") {
				t.Errorf("says %q, want %q", said, c.engine)
			}
		})
		if c.guess != "" {
			guesses++
		}
		if c.accepted {
			accepted++
		} else {
			refused++
		}
	}
	t.Logf("%d documents that AWS accepts and %d that it refuses, %d of them guesses", accepted, refused, guesses)
}
