// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file takes over mounts of the built-in engine that hold odd things: each reads, writes of other fields work,
// leases renew and revoke, and what cannot issue says why.

// fewestOdd keeps the test from becoming smaller by accident.
const fewestOdd = 40

// oddConfig is a field of a configuration that the built-in engine takes, and a write of another.
type oddConfig struct {
	name, path  string
	body, other fields
	mend        fields // without it no call to AWS goes well
	why         string // what a request for a credential says until then
}

func oddConfigs() []oddConfig {
	region := fields{"sts_region": "us-east-1"}
	root := func(name string, body fields, why string, mend fields) oddConfig {
		return oddConfig{name: name, path: "config/root", body: body, other: region, mend: mend, why: why}
	}
	return []oddConfig{
		root("many-retries", fields{"max_retries": 100000}, "", nil), root("no-retries", fields{"max_retries": -5}, "", nil),
		root("flag-for-retries", fields{"max_retries": true}, "", nil),
		root("template", fields{"username_template": "{{ nonsense"}, "username_template", fields{"username_template": ""}),
		root("endless-template", fields{"username_template": "{{ .DisplayName }}-{{ .PolicyName }}" + strings.Repeat("x", 70)}, "username_template", fields{"username_template": ""}),
		root("region", fields{"region": "EU Central"}, "region", fields{"region": "us-east-1"}),
		root("endpoint", fields{"iam_endpoint": "ftp://nowhere"}, "", fields{"iam_endpoint": "{aws}"}),
		root("short-key", fields{"access_key": "short", "secret_key": "x"}, "InvalidClientTokenId", fields{"access_key": "{key}", "secret_key": "{secret}"}),
		{name: "negative-lease", path: "config/lease", body: fields{"lease": "-1h", "lease_max": "-2h"}, other: fields{"lease": "30m"}},
		{name: "lease-above-its-maximum", path: "config/lease", body: fields{"lease": "3h", "lease_max": "2h"}, other: fields{"unknown": "x"}},
		{name: "flag-for-a-lease", path: "config/lease", body: fields{"lease": true, "lease_max": "2h"}, other: fields{"lease_max": "3h"}},
	}
}

// odd is a mount of the built-in engine that holds odd things, and its AWS account.
type odd struct {
	*side
	v      *server.Server
	before map[string]map[string]any // what paths read under the built-in engine
	leases []server.Answer           // of IAM users, from then
}

func newOdd(t *testing.T, v *server.Server, version, mount string) *odd {
	t.Helper()
	v.Call(http.MethodPost, "sys/mounts/"+mount, fields{"type": "aws", "config": fields{"plugin_version": version}, "options": fields{}})
	o := &odd{side: newSide(t, mount), v: v, before: map[string]map[string]any{}}
	o.write("config/root", fields{"access_key": "{key}", "secret_key": "{secret}", "iam_endpoint": "{aws}", "sts_endpoint": "{aws}", "sts_region": "us-east-1", "region": "us-east-1"})
	o.write("roles/plain", with("iam_user", fields{"policy_arns": readOnly}))
	return o
}

// try sends a request and returns whatever is answered.
func (o *odd) try(method, path string, body fields) server.Answer {
	o.t.Helper()
	for name, value := range body {
		if text, ok := value.(string); ok {
			body[name] = o.fill(text)
		}
	}
	var sent any
	if body != nil {
		sent = body
	}
	a, err := o.v.Request(method, o.mount+"/"+path, sent)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

func (o *odd) write(path string, body fields) server.Answer {
	o.t.Helper()
	a := o.try(http.MethodPost, path, body)
	if a.Status >= 300 {
		o.t.Errorf("writing %v to %s/%s: status %d: %s", body, o.mount, path, a.Status, a.Text)
	}
	return a
}

// remember reads a path under the built-in engine.
func (o *odd) remember(path string) {
	o.t.Helper()
	o.before[path], _ = o.v.Call(http.MethodGet, o.mount+"/"+path, nil).Body["data"].(map[string]any)
}

// reads demands that each path reads as before, but for what lists repeat and their empty entries.
func (o *odd) reads() {
	o.t.Helper()
	for path, before := range o.before {
		a := o.try(http.MethodGet, path, nil)
		for field, was := range before {
			now := a.Data(field)
			if entries, isList := was.([]any); isList {
				var kept []any
				for _, entry := range entries {
					if entry != "" && !slices.Contains(kept, entry) {
						kept = append(kept, entry)
					}
				}
				was = kept
			}
			if (!server.Empty(was) || !server.Empty(now)) && server.AsJSON(was) != server.AsJSON(now) {
				o.t.Errorf("%s/%s: %s was %s and is %s (status %d)", o.mount, path, field, server.AsJSON(was), server.AsJSON(now), a.Status)
			}
		}
	}
}

// hold keeps a lease of a role, if the built-in engine can issue it.
func (o *odd) hold(path string) {
	o.t.Helper()
	if a := o.try(http.MethodGet, path, nil); a.Status == http.StatusOK {
		o.leases = append(o.leases, a)
	}
}

// end renews a lease, where that can be, and revokes it.
func (o *odd) end(a server.Answer) {
	o.t.Helper()
	if a.Body["renewable"] == true {
		o.v.Call(http.MethodPut, "sys/leases/renew", fields{"lease_id": a.Lease()})
	}
	o.v.Revoke(a.Lease())
	if who := server.CallerOf(o.t, o.account, a); who != "" && a.Body["renewable"] == true {
		o.t.Errorf("%s: the key of %s works after its lease was revoked", o.mount, who)
	}
}

// issues demands a credential, or a refusal with one of some words. It returns what the answer warns of.
func (o *odd) issues(path string, why []string) (warnings string) {
	o.t.Helper()
	a := o.try(http.MethodGet, path, nil)
	says := slices.ContainsFunc(why, func(word string) bool { return word != "" && strings.Contains(a.Text, word) })
	switch {
	case a.Status == http.StatusOK && len(why) == 0:
		o.end(a)
	case len(why) == 0 || a.Status < 400 || a.Status > 499 || !says:
		o.t.Errorf("%s/%s: status %d, expected %q: %s", o.mount, path, a.Status, why, a.Text)
	}
	return server.AsJSON(a.Body["warnings"])
}

func TestTakeoverOfOddThings(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	peer := v.RegisterPeer("aws")
	roles, configs := slices.Concat(oddUserRoles(), oddSessionRoles()), oddConfigs()
	all := newOdd(t, v, peer.Version, "odd-roles")
	for _, r := range roles {
		all.write("roles/"+r.name, r.body)
		all.remember("roles/" + r.name)
		all.hold("creds/" + r.name)
	}
	static := map[string]string{"full": "two-keys", "first": "shared", "second": "shared"}
	for name, user := range static {
		all.write("static-roles/"+name, fields{"username": user, "rotation_period": "24h"})
		all.remember("static-roles/" + name)
	}
	mounts := []*odd{all}
	for _, c := range configs {
		o := newOdd(t, v, peer.Version, "odd-"+c.name)
		o.hold("creds/plain")
		o.write(c.path, c.body)
		o.remember(c.path)
		mounts = append(mounts, o)
	}
	if n := len(roles) + len(configs) + len(static); n < fewestOdd {
		t.Errorf("only %d odd things", n)
	}
	v.Register("aws")
	switchAll(t, v, mounts)
	for i, c := range configs {
		mounts[i+1].checkConfig(c)
	}
	all.reads()
	for _, r := range roles {
		all.write("roles/"+r.name, r.others())
		path := "creds/"
		if r.name == "old-text" {
			path = "sts/"
		}
		warnings := all.issues(path+r.name, r.why)
		if cut := strings.Contains(warnings, "longest session that AWS gives"); cut != (r.cut != "") || !strings.Contains(warnings, r.cut) {
			t.Errorf("%s: cut to %q, with the warnings %s", r.name, r.cut, warnings)
		}
	}
	for name := range static {
		all.write("static-roles/"+name, fields{"rotation_period": "48h"})
	}
	held := 0
	for _, o := range mounts {
		held += len(o.leases)
		for _, lease := range o.leases {
			o.end(lease)
		}
		o.account.Forgive() // of what the built-in engine left when AWS refused a step
	}
	t.Logf("%d roles, %d static roles and %d configurations; %d leases from before", len(roles), len(static), len(configs), held)
}

// checkConfig demands of a mount with an odd configuration what every one owes.
func (o *odd) checkConfig(c oddConfig) {
	o.t.Helper()
	o.reads()
	o.write(c.path, c.other)
	if c.mend == nil {
		o.issues("creds/plain", nil)
		return
	}
	if a := o.try(http.MethodGet, "creds/plain", nil); a.Status < 400 || !strings.Contains(a.Text, c.why) {
		o.t.Errorf("%s: a request for a credential says %d: %s", o.mount, a.Status, a.Text)
	}
	o.write(c.path, c.mend)
	o.issues("creds/plain", nil)
}

// switchAll gives mounts to ours.
func switchAll(t *testing.T, v *server.Server, mounts []*odd) {
	t.Helper()
	var names []string
	for _, o := range mounts {
		v.Call(http.MethodPost, "sys/mounts/"+o.mount+"/tune", fields{"plugin_version": programs.Built.Version})
		names = append(names, o.mount+"/")
	}
	v.Call(http.MethodPut, "sys/plugins/reload/backend", fields{"mounts": names})
	for _, o := range mounts {
		server.WaitFor(t, server.Soon, o.mount+" to run version "+programs.Built.Version, func() bool {
			return v.Call(http.MethodGet, "sys/mounts/"+o.mount, nil).Data("running_plugin_version") == programs.Built.Version
		})
	}
}
