// SPDX-License-Identifier: MPL-2.0

package backend

// A server that hears of events and observations.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// told is one event or observation.
type told struct {
	name   string
	fields map[string]any
}

// audience is what of Vault hears of events and observations.
type audience struct {
	answer error         // to all
	hold   chan struct{} // where it is set, it answers when that is closed

	mu           sync.Mutex
	events, seen []told
}

func (a *audience) SendEvent(ctx context.Context, name logical.EventType, event *logical.EventData) error {
	return a.hear(ctx, &a.events, told{string(name), event.Metadata.AsMap()})
}

func (a *audience) RecordObservationFromPlugin(ctx context.Context, name string, data map[string]any) error {
	return a.hear(ctx, &a.seen, told{name, maps.Clone(data)})
}

func (a *audience) hear(ctx context.Context, list *[]told, one told) error {
	a.mu.Lock()
	*list = append(*list, one)
	a.mu.Unlock()
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-ctx.Done():
		}
	}
	return a.answer
}

// heard are the names of what was told, in order.
func (a *audience) heard() (events, observations []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := func(list []told) (names []string) {
		for _, one := range list {
			names = append(names, one.name)
		}
		return names
	}
	return names(a.events), names(a.seen)
}

// heardOf waits for the first event or observation of a name, and returns its fields.
func (m *mount) heardOf(a *audience, name string) (fields map[string]any) {
	m.t.Helper()
	m.waitUntil(name, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, one := range slices.Concat(a.events, a.seen) {
			if one.name == name && fields == nil {
				fields = one.fields
			}
		}
		return fields != nil
	})
	return fields
}

// lastOf are the fields of the last event of a name; nil where there is none.
func (m *mount) lastOf(a *audience, name string) (fields map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.events {
		if one.name == name {
			fields = one.fields
		}
	}
	return fields
}

// heardBy starts a mount anew whose Vault has events and observations.
func (m *mount) heardBy(a *audience) {
	m.events, m.observations = a, a
	m.start()
}

// has checks fields: a value of "*" is any but none, and of "" is none.
func has(t *testing.T, name string, fields map[string]any, want map[string]string) {
	t.Helper()
	for field, value := range want {
		got := ""
		if fields[field] != nil {
			got = fmt.Sprint(fields[field])
		}
		if value == "*" && got == "" || value != "*" && got != value {
			t.Errorf("%s: %s is %q, want %q, in %v", name, field, got, value, fields)
		}
	}
}

// heldBy is the secret of each key that an IAM user has now.
func (m *mount) heldBy(user string) (secrets []string) {
	m.t.Helper()
	for _, key := range m.aws.Keys(user) {
		secrets = append(secrets, key.SecretAccessKey)
	}
	if len(secrets) == 0 {
		m.t.Errorf("%s has no key", user)
	}
	return secrets
}

// secretsIn are those that answers gave.
func secretsIn(of ...*logical.Response) (secrets []string) {
	for _, resp := range of {
		for _, field := range []string{"secret_key", "session_token"} {
			if secret, _ := resp.Data[field].(string); secret != "" {
				secrets = append(secrets, secret)
			}
		}
	}
	return secrets
}

// noSecret checks that nothing told holds one of some secrets, or that of the root key.
func (m *mount) noSecret(a *audience, secrets ...string) {
	m.t.Helper()
	a.mu.Lock()
	text := fmt.Sprint(a.events, a.seen)
	a.mu.Unlock()
	for _, secret := range append(secrets, m.aws.RootKey().SecretAccessKey) {
		if strings.Contains(text, secret) {
			m.t.Errorf("a secret is told: %s", text)
		}
	}
}
