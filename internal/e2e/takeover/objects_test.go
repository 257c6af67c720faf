// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file has what a mount of the built-in engine can hold, and reads it in each phase of the takeover.

// phase is when something is read or issued: under the built-in engine, under ours, under the built-in engine again.
type phase int

const (
	before phase = iota
	during
	after
)

func (p phase) String() string { return []string{"before", "during", "after"}[p] }

// object is one thing that the mount holds.
type object struct {
	path    string
	body    map[string]any // what is written; nil if nothing is, as for a list
	method  string         // to read it with; GET if empty
	twin    string         // where it is read before, if reading it there would change it
	changes bool           // rightly so in the meantime
	made    phase          // when it is written
	read    [3]map[string]any
}

// roles are of every type and form, each with all that its type can have.
func roles() map[string]map[string]any {
	return map[string]map[string]any{
		"everything": {
			"credential_type": "iam_user", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess,arn:aws:iam::aws:policy/job-function/Billing",
			"policy_document": server.PolicyText, "iam_groups": "developers,auditors", "iam_tags": []string{"team=payments", "stage=test"},
			"user_path": "/vault/", "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
		},
		"assumed": {
			"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy,arn:aws:iam::123456789012:role/partner",
			"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy_document": server.PolicyText, "iam_groups": "auditors",
			"session_tags": "team=payments", "external_id": "external-1", "default_sts_ttl": "30m", "max_sts_ttl": "2h",
		},
		"federated": {
			"credential_type": "federation_token", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess",
			"policy_document": server.PolicyText, "iam_groups": "auditors", "default_sts_ttl": "1h", "max_sts_ttl": "3h",
		},
		"session": {
			"credential_type": "session_token", "mfa_serial_number": "arn:aws:iam::123456789012:mfa/vault",
			"default_sts_ttl": "1h", "max_sts_ttl": "3h",
		},
		"legacy-arn":    {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"legacy-role":   {"arn": "arn:aws:iam::123456789012:role/operate"},
		"legacy-policy": {"policy": server.PolicyText},
	}
}

// writeObjects configures the mount under the built-in engine.
func (h *handover) writeObjects() {
	h.t.Helper()
	root := h.account.RootKey()
	h.write(&object{path: "config/root", body: map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1", "max_retries": 2,
		"iam_endpoint": h.account.URL(), "sts_endpoint": h.account.URL(), "sts_region": "eu-central-1",
		"sts_fallback_endpoints": h.account.URL(), "sts_fallback_regions": "eu-west-1",
		"username_template": `{{ if (eq .Type "STS") }}{{ printf "tk-%s" (random 20) }}{{ else }}{{ printf "tk-%s-%s" (.PolicyName | truncate 30) (random 20) }}{{ end }}`,
	}})
	h.write(&object{path: "config/lease", body: map[string]any{"lease": "1h", "lease_max": "24h"}})
	all := roles()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h.write(&object{path: "roles/" + name, body: all[name]})
	}
	h.writeOldest("oldest-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	h.writeOldest("oldest-policy", server.PolicyText)
	h.objects = append(h.objects, &object{path: "roles", method: "LIST"})
	h.writeStatic()
}

// write writes an object and keeps it in mind.
func (h *handover) write(o *object) {
	h.t.Helper()
	h.v.Call(http.MethodPost, "aws/"+o.path, o.body)
	h.objects = append(h.objects, o)
}

// writeOldest leaves a role in the form that Vault wrote before 0.11, and no API writes any more. The built-in engine
// converts it when it reads it, so a twin is read in its place before.
func (h *handover) writeOldest(name, text string) {
	h.t.Helper()
	uuid := h.v.Call(http.MethodGet, "sys/mounts/aws", nil).Data("uuid")
	for _, role := range []string{name, name + "-twin"} {
		h.v.Call(http.MethodPut, fmt.Sprintf("sys/raw/logical/%v/policy/%s", uuid, role), map[string]any{"value": text})
	}
	h.objects = append(h.objects, &object{path: "roles/" + name, twin: "roles/" + name + "-twin"})
}

// writeMore writes roles by ours, for the built-in engine to find.
func (h *handover) writeMore() {
	h.t.Helper()
	all := roles()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		o := &object{path: "roles/made-by-ours-" + name, body: all[name], made: during}
		h.write(o)
		o.read[during] = h.v.Call(http.MethodGet, "aws/"+o.path, nil).Body["data"].(map[string]any)
	}
	// Half a write of ours changes one field and keeps the rest.
	h.v.Call(http.MethodPost, "aws/roles/made-by-ours-everything", map[string]any{"user_path": "/ours/"})
	everything := h.objects[slices.IndexFunc(h.objects, func(o *object) bool { return o.path == "roles/made-by-ours-everything" })]
	everything.read[during]["user_path"] = "/ours/"
	for _, o := range h.objects {
		if o.method == "LIST" && o.path == "roles" {
			o.changes = true
		}
	}
}

// read reads every object and compares it with what it was before.
func (h *handover) read(when phase) {
	h.t.Helper()
	for _, o := range h.objects {
		method, path := o.method, o.path
		if method == "" {
			method = http.MethodGet
		}
		if o.twin != "" && when == before {
			path = o.twin
		}
		o.read[when], _ = h.v.Call(method, "aws/"+path, nil, http.StatusOK).Body["data"].(map[string]any)
		if when == before {
			continue
		}
		differences := o.differences(when)
		switch {
		case len(differences) > 0:
			h.lose("%s %s: %s", o.path, when, strings.Join(differences, "; "))
		case when == after && o.made == before:
			h.t.Logf("%-60s same before, during, after", o.path)
		case when == after:
			h.t.Logf("%-60s same during, after", o.path)
		}
	}
}

// differences says what an object reads otherwise than it did first. Ours may say more than the built-in engine does.
func (o *object) differences(when phase) (found []string) {
	first, now := o.read[o.made], o.read[when]
	if o.method == "LIST" {
		keys, _ := now["keys"].([]any)
		for _, name := range first["keys"].([]any) {
			if !slices.Contains(keys, name) {
				found = append(found, fmt.Sprintf("%v is not listed", name))
			}
		}
		if !o.changes && len(keys) != len(first["keys"].([]any)) {
			found = append(found, fmt.Sprintf("the list is %v", keys))
		}
		return found
	}
	known := first
	if o.made == during {
		known = now // the built-in engine does not know all that ours does
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		value, there := now[key]
		if !there || !reflect.DeepEqual(value, first[key]) {
			found = append(found, fmt.Sprintf("%s was %s and is %s", key, server.AsJSON(first[key]), server.AsJSON(value)))
		}
	}
	for key := range now {
		if _, there := first[key]; !there && when == after && o.made == before {
			found = append(found, key+" is new")
		}
	}
	return found
}
