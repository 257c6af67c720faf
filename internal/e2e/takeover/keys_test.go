// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"net/http"
	"slices"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file has the keys that the engine itself makes and rotates, of static roles and of config/root, go through the
// takeover.

// writeStatic adopts two IAM users: the key of one stays through the takeover, that of the other is rotated meanwhile.
func (h *handover) writeStatic() {
	h.t.Helper()
	h.write(&object{path: "static-roles/nightly", body: map[string]any{"username": "nightly", "rotation_period": "24h"}})
	h.write(&object{path: "static-roles/hasty", body: map[string]any{"username": "hasty", "rotation_period": "1m"}})
	h.objects = append(h.objects,
		&object{path: "static-creds/nightly"}, &object{path: "static-creds/hasty"}, &object{path: "static-roles", method: "LIST"})
}

// find is the object at a path.
func (h *handover) find(path string) *object {
	h.t.Helper()
	i := slices.IndexFunc(h.objects, func(o *object) bool { return o.path == path })
	if i < 0 {
		h.t.Fatalf("there is no object at %s", path)
	}
	return h.objects[i]
}

// staticKey is the key that a static role has now.
func (h *handover) staticKey(role string) server.Key {
	h.t.Helper()
	k := h.v.Call(http.MethodGet, "aws/static-creds/"+role, nil).Key()
	if user := server.MustWork(h.t, h.account, k); user != role {
		h.lose("the key of static role %s is %s's", role, user)
	}
	return k
}

// waitForRotation waits until ours rotates the key that the built-in engine made, whose minute is over.
func (h *handover) waitForRotation() {
	h.t.Helper()
	o := h.find("static-creds/hasty")
	server.WaitFor(h.t, server.RollbackTime, "the key of the static role hasty to be rotated", func() bool {
		return h.v.Call(http.MethodGet, "aws/static-creds/hasty", nil).Data("access_key") != o.read[before]["access_key"]
	})
	h.staticKey("hasty")
	h.t.Logf("%-60s rotated on time during", "the built-in engine's static role hasty")
	// From here on this is what must stay.
	o.made, o.read[during] = during, h.v.Call(http.MethodGet, "aws/static-creds/hasty", nil).Body["data"].(map[string]any)
}

// rotateRoot has ours replace the key of config/root, which the built-in engine works with when it is back.
func (h *handover) rotateRoot() {
	h.t.Helper()
	rotated, _ := h.v.Call(http.MethodPost, "aws/config/rotate-root", nil).Data("access_key").(string)
	root := h.find("config/root")
	if rotated == "" || rotated == root.read[before]["access_key"] {
		h.lose("config/rotate-root answers the key %q", rotated)
	}
	root.read[before]["access_key"] = rotated
	h.t.Logf("%-60s rotated during, the built-in engine's after", "the key of config/root")
}

// endStatic ends the static roles under the built-in engine again.
func (h *handover) endStatic() {
	h.t.Helper()
	for _, role := range []string{"nightly", "hasty"} {
		k := h.staticKey(role)
		h.v.Call(http.MethodDelete, "aws/static-roles/"+role, nil)
		server.MustBeRefused(h.t, h.account, k)
	}
}
