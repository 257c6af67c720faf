// SPDX-License-Identifier: MPL-2.0

// Command generate writes model.json, the table of package awsmodel, from AWS's API model. The model comes with the AWS
// SDK for Go of version 1, which scripts/vault/go.mod brings for the pinned Vault and the module's own go.mod does not
// need. Run it with go generate ./internal/awsmodel.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

const source = "github.com/aws/aws-sdk-go@v1.55.8"

// files are the models in it.
var files = []string{"models/apis/iam/2010-05-08/api-2.json", "models/apis/sts/2011-06-15/api-2.json"}

func main() {
	table, err := generate("../../scripts/vault")
	if err == nil {
		err = os.WriteFile("model.json", table, 0o644) //nolint:gosec // a file of the source tree
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate makes the table. The module whose go.sum vouches for the model is in a directory.
func generate(vouching string) ([]byte, error) {
	dir, err := download(vouching)
	if err != nil {
		return nil, err
	}
	m := awsmodel.Model{Source: source, SHA256: map[string]string{}, Actions: map[string][]awsmodel.Member{}}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // of the module cache
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		m.SHA256[file] = hex.EncodeToString(sum[:])
		if err := addActions(&m, text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, action := range actions {
		if _, found := m.Actions[action]; !found {
			return nil, fmt.Errorf("the model has no action %s", action)
		}
	}
	return write(m)
}

// download finds the module in Go's module cache, and gets it first where it is not there.
func download(vouching string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", source) //nolint:noctx // the command that runs this ends it
	command.Dir = vouching
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	said, err := command.Output()
	var module struct{ Dir, Error string }
	if err := json.Unmarshal(said, &module); err != nil {
		return "", fmt.Errorf("reading what go mod download says: %w", err)
	}
	if err != nil || module.Dir == "" {
		return "", fmt.Errorf("downloading %s: %w %s", source, err, module.Error)
	}
	return module.Dir, nil
}

// shape is what the model says of a type.
type shape struct {
	Type     string
	Members  map[string]struct{ Shape, LocationName string }
	Member   struct{ Shape, LocationName string } // of a list
	Required []string
	Min, Max *int
	Pattern  string
	Enum     []string
}

// service is one file of the model.
type service struct {
	Operations map[string]struct{ Input *struct{ Shape string } }
	Shapes     map[string]shape
}

func addActions(m *awsmodel.Model, text []byte) error {
	var s service
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	for _, action := range actions {
		operation, here := s.Operations[action]
		if !here {
			continue
		}
		members := []awsmodel.Member{}
		if operation.Input != nil {
			members = s.members(s.Shapes[operation.Input.Shape], "")
		}
		m.Actions[action] = members
	}
	return nil
}

// members flattens a structure, with the names that the Query protocol gives its members.
func (s service) members(structure shape, prefix string) (all []awsmodel.Member) {
	for name, member := range structure.Members {
		required := slices.Contains(structure.Required, name)
		if member.LocationName != "" {
			name = member.LocationName
		}
		all = append(all, s.flatten(s.Shapes[member.Shape], prefix+name, required)...)
	}
	slices.SortFunc(all, func(a, b awsmodel.Member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return all
}

func (s service) flatten(x shape, name string, required bool) []awsmodel.Member {
	if x.Type == "structure" {
		return s.members(x, name+".")
	}
	own := awsmodel.Member{Name: name, Type: x.Type, Required: required, Min: x.Min, Max: x.Max, Pattern: x.Pattern, Enum: x.Enum}
	if x.Type != "list" {
		return []awsmodel.Member{own}
	}
	return append([]awsmodel.Member{own}, s.flatten(s.Shapes[x.Member.Shape], name+".member.N", false)...)
}

// write encodes the table with one line for each member.
func write(m awsmodel.Model) ([]byte, error) {
	var out bytes.Buffer
	sums, err := encode(m.SHA256)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "{\n\"source\": %q,\n\"sha256\": %s,\n\"actions\": {", m.Source, sums)
	for i, action := range m.Names() {
		fmt.Fprintf(&out, "%s\n%q: [", separator(i), action)
		for j, member := range m.Actions[action] {
			line, err := encode(member)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&out, "%s\n  %s", separator(j), line)
		}
		out.WriteString("]")
	}
	out.WriteString("\n}}\n")
	return out.Bytes(), nil
}

// encode is JSON as a person writes it: patterns have < and & in them.
func encode(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return string(bytes.TrimSpace(out.Bytes())), err
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
