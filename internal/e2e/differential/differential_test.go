// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file compares the engine with the one that is built into Vault: the same requests, in the same order, to a
// mount of each, with an AWS account of its own for each. Whatever differs must stand in testdata/differences.txt,
// with the reason why ours is better, and whatever stands there must occur.

// fewestRequests keeps the comparison from becoming smaller by accident.
const fewestRequests = 120

// TestDifferential prints how many requests it compared and which differences are explained.
func TestDifferential(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	peer, ours := startSides(t, v)
	known := readDifferences(t)

	titles := map[string]bool{}
	for _, r := range allRequests() {
		title := r.title()
		if titles[title] {
			t.Errorf("two requests are called %q; the list of differences could not tell them apart: give one a note", title)
		}
		titles[title] = true
		theirs, own := peer.ask(v, r), ours.ask(v, r)
		for _, aspect := range comparable(theirs, own) {
			if a, b := shown(theirs, aspect), shown(own, aspect); !alike(aspect, a, b) {
				known.explain(difference{title, aspect, a, b})
			}
		}
		for _, more := range r.then {
			peer.ask(v, more)
			ours.ask(v, more)
		}
	}
	if len(titles) < fewestRequests {
		t.Errorf("only %d requests were compared, and there should be %d", len(titles), fewestRequests)
	}
	mustBeClean(t, ours.account)
	// What the built-in leaves behind in its account is one of the differences.
	peer.account.Forgive()

	for _, d := range known.unexplained {
		t.Errorf("not explained: %s\n\twhat:     %s\n\tbuilt-in: %s\n\tours:     %s", d.request, d.aspect, d.builtIn, d.ours)
	}
	for _, gone := range known.unused() {
		t.Errorf("explained, and does not occur any more: %s", gone)
	}
	known.checkDocs(t)
	t.Logf("%d requests, %d unexplained differences; %d explained, in %d groups:\n%s",
		len(titles), len(known.unexplained), known.count(), len(known.groups), known.table())
}

// mustBeClean demands that no user is left and that nobody has a key too many. The account would complain by itself, but
// for the root key: a rotated one is not the one that it began with.
func mustBeClean(t *testing.T, account *fakeaws.Server) {
	t.Helper()
	root, _ := account.User("vault-root")
	if len(root.AccessKeys) != 1 {
		t.Errorf("after rotating, the engine's own user has %d keys", len(root.AccessKeys))
	}
	for _, left := range account.Leftovers() {
		if !strings.HasSuffix(left, "of user vault-root") {
			t.Errorf("ours leaves behind in AWS: %s", left)
		}
	}
	account.Forgive()
}

// shown is one aspect of what was observed, in words that a list of differences can have.
func shown(seen map[string]string, aspect string) string {
	if value, ok := seen[aspect]; ok {
		return value
	}
	return "absent"
}

// startSides mounts both engines, each with an account that looks the same.
func startSides(t *testing.T, v *server.Server) (peer, ours *side) {
	t.Helper()
	// The built-in has the name that it has inside Vault, which is part of the names of its operations.
	v.RegisterPeer("aws")
	v.Register("aws-dyn")
	v.CLI("secrets", "enable", "-path=peer", "aws")
	v.CLI("secrets", "enable", "-path=ours", "aws-dyn")
	return newSide(t, "peer"), newSide(t, "ours")
}

func newSide(t *testing.T, mount string) *side {
	t.Helper()
	account := fakeaws.New(t)
	furnish(account)
	s := &side{t: t, mount: mount, account: account, keys: map[string][]string{}, words: map[string]string{
		"{aws}": account.URL(), "{key}": account.RootKey().AccessKeyID, "{secret}": account.RootKey().SecretAccessKey, "{mount}": mount,
	}}
	s.users = s.describeUsers()
	return s
}

// furnish is what the accounts hold at the beginning.
func furnish(account *fakeaws.Server) {
	const allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	account.AddGroupPolicy("ops", "buckets", allow)
	account.AttachGroupPolicy("ops", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	account.AddGroup("empty")
	account.SetMaxSession("deploy", 12*time.Hour)
	account.AddRole("audit")
	account.AddRoleExternalID("partner", "their-secret-word")
	account.SetMFACode("arn:aws:iam::123456789012:mfa/vault", "123456")
	for _, name := range strings.Fields("one-key two-keys two-keys shared cross schedule") {
		account.AddUser(name)
	}
}
