// SPDX-License-Identifier: MPL-2.0

package backend

// The night: fifteen things go wrong, one after another. Each time the operator has a token and five
// minutes, and the first five lines of "vault read aws-dyn/status" have to say what it is and what to do.

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// nightFault is one thing that goes wrong.
type nightFault struct {
	name   string
	happen func(n *night)
	mend   func(n *night)
	says   []string // the fault, and the remedy
}

// night is what the faults happen to.
type night struct {
	*mount
	there *fakeaws.Server // another account
	held  *logical.Response
	fault *fakeaws.Injected
}

// screen is a status as Vault's command line prints it: a heading, and the keys in the order of the
// alphabet.
func (n *night) screen() []string {
	n.t.Helper()
	data := n.read("status")
	lines := []string{"Key    Value", "---    -----"}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		lines = append(lines, fmt.Sprintf("%s    %v", key, data[key]))
	}
	return lines
}

// inject has AWS refuse something until it is mended.
func (n *night) inject(f fakeaws.Fault) {
	n.fault = n.aws.Inject(f)
	if _, err := n.ask(logical.ReadOperation, "creds/developer-access", nil); err == nil && f.Kind == fakeaws.Cut {
		n.t.Error("nothing went wrong")
	}
}

func (n *night) clear() { n.fault.Remove() }

var nightFaults = []nightFault{
	{"AWS is away", func(n *night) { n.inject(fakeaws.Fault{Kind: fakeaws.Cut}) }, (*night).clear,
		[]string{"AWS does not answer", "Check the network", "endpoints in config/root"}},
	{"AWS throttles", func(n *night) { n.inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Throttle}) },
		(*night).clear,
		[]string{"AWS throttles the engine: IAM CreateUser", "find who else calls IAM"}},
	{"the engine's key was deleted", func(n *night) {
		n.inject(fakeaws.Fault{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."})
	}, (*night).clear,
		[]string{"AWS does not know the engine's key: InvalidClientTokenId", "deleted, inactive", "Write an access_key and secret_key that work to config/root"}},
	{"config/root leads to another account", func(n *night) {
		key := n.there.AddUser("vault")
		n.held = n.creds("developer-access")
		n.write("config/root", map[string]any{"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey})
		n.knowAccount()
	}, func(n *night) {
		n.configure(noRetries)
		n.revoke(n.held)
	}, []string{"config/root leads to AWS account " + other, "Write credentials of account " + home}},
	{"the account is full", func(n *night) {
		n.inject(fakeaws.Fault{Action: "CreateUser", Code: "LimitExceeded", Status: 409, Message: "Cannot exceed quota for UsersPerAccount: 5000"})
	}, (*night).clear, []string{"A quota of AWS is full: LimitExceeded: Cannot exceed quota for UsersPerAccount", "Revoke leases that nobody needs", "Service Quotas"}},
	{"a role's policy is gone", func(n *night) {
		n.write("roles/app", map[string]any{"policy_arns": "arn:aws:iam::" + home + ":policy/app"})
		n.fails(logical.ReadOperation, "creds/app", nil)
	}, func(n *night) { n.write("roles/app", map[string]any{"policy_arns": readOnly}) },
		[]string{"Something that a role names does not exist in AWS: NoSuchEntity: Policy arn:aws:iam::" + home + ":policy/app", "for roles/app", "Make it in AWS again, or change the role"}},
	{"a boundary refuses", func(n *night) {
		n.inject(fakeaws.Fault{Action: "CreateUser", Message: "User: arn:aws:iam::123456789012:user/vault-root is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/v because no permissions boundary allows the iam:CreateUser action"})
	}, (*night).clear, []string{"AWS does not allow a call: AccessDenied", "no permissions boundary allows the iam:CreateUser action", "Allow the action in the policy of the engine's identity", "permissions_boundary_arn"}},
	{"the clock is 10 minutes off", func(n *night) {
		n.aws.SetClock(10 * time.Minute)
		n.revoke(n.creds("developer-access"))
	}, func(n *night) { n.aws.SetClock(0) },
		[]string{"This server's clock is 10m0s behind AWS's", "Set the clock of this server"}},
	{"the region is wrong", func(n *night) {
		n.aws.SetSigningRegion("eu-central-1")
		n.fails(logical.ReadOperation, "creds/developer-access", nil)
	}, func(n *night) { n.aws.SetSigningRegion("") },
		[]string{"AWS refuses the engine's signature", "Credential should be scoped to a valid region", "then region and sts_region"}},
	{"a hub's trust is gone", func(n *night) {
		n.there.RemoveRole("hub")
		n.fails(logical.ReadOperation, "creds/payments", nil)
	}, func(n *night) { n.there.SetTrust("hub", home); n.revoke(n.creds("payments")) },
		[]string{"AWS does not allow a call: AccessDenied", "sts:AssumeRole on resource: " + otherHub, "Check that the role exists, that its trust policy allows the engine's identity"}},
	{"the server was sealed in the middle", func(n *night) { n.mustTick(); n.dieAt("CreateUser") },
		func(n *night) { n.mustTick() },
		[]string{"1 IAM user may exist, of requests that were cut off", "sealed, restarted", "within 20 minutes", "delete issued/<username>"}},
	{"the storage is a copy", func(n *night) { n.mustTick(); n.age(time.Hour); n.start(); n.mustTick() }, (*night).decide,
		[]string{"This storage may be a copy", "write resume=true to config/gap", "do not disable this mount"}},
	{"the storage is read-only", func(n *night) {
		n.storage.breaks("put", "")
		n.fails(logical.ReadOperation, "creds/developer-access", nil)
		_ = n.tick()
	}, func(n *night) { n.storage.mend(); n.mustTick() },
		[]string{"Vault's storage takes no writes", "Check the storage backend (disk full, read-only"}},
	{"the token file is gone", func(n *night) {
		file := tokenFile(n.t.(*testing.T), "word")
		n.write("config/root", map[string]any{"access_key": "", "secret_key": "", "web_identity_token_file": file, "role_arn": "arn:aws:iam::" + home + ":role/vault"})
		if err := os.Remove(file); err != nil {
			n.t.Fatal(err)
		}
		n.fails(logical.ReadOperation, "creds/developer-access", nil)
	}, func(n *night) {
		n.configure(noRetries, map[string]any{"web_identity_token_file": "", "role_arn": ""})
	}, []string{"The engine has no AWS credentials to call with", "web_identity_token_file", "Fix where they come from"}},
	{"a lease is irrevocable", func(n *night) {
		n.held = n.creds("developer-access")
		n.fault = n.aws.Inject(fakeaws.Fault{Action: "DeleteUser"})
		for range 6 {
			if _, err := n.lease(logical.RevokeOperation, n.held); err == nil {
				n.t.Error("the revocation went well")
			}
		}
		n.age(20 * time.Minute)
		_ = n.tick()
	}, func(n *night) { n.clear(); n.do(logical.DeleteOperation, "issued/"+n.user(n.held), nil); n.mustTick() },
		[]string{"1 IAM user should be gone and may still have a key that works", "iam:DeleteUser", "Vault tries leases that sys/leases?type=irrevocable lists only once a day", "-force -prefix <lease_id>", "Fix what AWS says"}},
}

// calm is half an hour in which nothing goes wrong.
func (n *night) calm() {
	n.revoke(n.creds("developer-access"))
	n.age(30 * time.Minute)
	n.mustTick()
}

// decide says that no other server works with the storage.
func (n *night) decide() { n.write("config/gap", map[string]any{"resume": true}) }

func TestTheNight(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	n := &night{mount: m, there: there}
	n.write("roles/wide", map[string]any{"policy_arns": readOnly})
	n.mustTick()
	var table strings.Builder
	for i, fault := range nightFaults {
		if problems := n.read("status")["problems"].([]string); len(problems) > 0 {
			t.Fatalf("before %q: %q", fault.name, problems)
		}
		fault.happen(n)
		first := strings.Join(n.screen()[:5], "\n")
		fmt.Fprintf(&table, "%2d %-38s", i+1, fault.name)
		told := slices.IndexFunc(n.read("status")["problems"].([]string), func(sentence string) bool {
			return strings.Contains(first, sentence) && !slices.ContainsFunc(fault.says, func(part string) bool { return !strings.Contains(sentence, part) })
		})
		if told < 0 {
			t.Errorf("%s: no sentence in the first five lines of status says all of %q:\n%s", fault.name, fault.says, first)
			table.WriteString(" MISSING:")
		}
		fmt.Fprintf(&table, " %q", fault.says)
		table.WriteString("\n")
		fault.mend(n)
		n.calm()
	}
	if problems := n.read("status")["problems"].([]string); len(problems) > 0 {
		t.Errorf("in the morning: %q", problems)
	}
	t.Logf("what happened, and what the first five lines of status said:\n%s", table.String())
	if len(nightFaults) != 15 {
		t.Errorf("%d faults", len(nightFaults))
	}
}
