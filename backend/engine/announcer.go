// SPDX-License-Identifier: MPL-2.0

package engine

// How events and observations reach Vault: one after another, in the order in which they came to
// pass, and not while a request waits. Vault's community edition takes both and drops them, so it is
// sent none; OpenBao has neither, and says so to the first.

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// mostAnnounced is how many announcements may wait.
	mostAnnounced = 4096
	// announceTime bounds one.
	announceTime = 5 * time.Second
	// flushTime is how long a mount waits at its end for those that are left.
	flushTime = 2 * time.Second
)

// Announcer sends events and observations. One serves all mounts of a process, which have one
// server: what that does not have is asked for once.
type Announcer struct {
	ctx                      context.Context // of the process
	edition                  sync.Once       // asks the server for its edition
	noEvents, noObservations atomic.Bool

	mu      sync.Mutex
	waiting []announcement
	sending bool
	lost    int // for want of room
}

// NewAnnouncer returns that of a process.
func NewAnnouncer() *Announcer { return &Announcer{ctx: context.Background()} }

// announcement is one thing to be sent, by a mount.
type announcement struct {
	mount  *Mount
	absent *atomic.Bool // the server is known not to take it
	send   func(context.Context) error
}

// sendEvent sends an event of a mount.
func (m *Mount) sendEvent(name string, pairs []string) {
	if m.Announcer == nil || m.Events == nil {
		return
	}
	m.Announcer.put(announcement{m, &m.Announcer.noEvents, func(ctx context.Context) error {
		return logical.SendEvent(ctx, m.Events, name, pairs...)
	}})
}

// observe records an observation of a mount, with what the SDK adds of the request. Lists are told as
// one text: what goes to the server has none.
func (m *Mount) observe(by Asked, name string, data map[string]any) {
	if m.Announcer == nil || m.Observations == nil {
		return
	}
	data = maps.Clone(data)
	for key, value := range data {
		if list, ok := value.([]string); ok {
			data[key] = eventText(list)
		}
	}
	if by != (Asked{}) {
		data["path"], data["request_id"], data["client_id"] = by.Path, by.ID, by.Client
		if data["entity_id"] == nil { // else whose credential it is, which the end of a lease does not tell
			data["entity_id"] = by.Entity
		}
	}
	m.Announcer.put(announcement{m, &m.Announcer.noObservations, func(ctx context.Context) error {
		return m.Observations.RecordObservationFromPlugin(ctx, name, data)
	}})
}

// put has something sent after what waits already. Where too much does, it is lost.
func (a *Announcer) put(one announcement) {
	if one.absent.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= mostAnnounced {
		a.lost++
		return
	}
	a.add(one)
}

// add is put for whoever holds the mutex, and has room.
func (a *Announcer) add(one announcement) {
	a.waiting = append(a.waiting, one)
	if !a.sending {
		a.sending = true
		go a.work()
	}
}

// work sends until nothing waits.
func (a *Announcer) work() {
	for {
		a.mu.Lock()
		if len(a.waiting) == 0 {
			a.sending, a.waiting = false, nil
			a.mu.Unlock()
			return
		}
		one, lost := a.waiting[0], a.lost
		a.waiting[0] = announcement{}
		a.waiting, a.lost = a.waiting[1:], 0
		a.mu.Unlock()
		if lost > 0 {
			one.mount.Log.Warn("events and observations are lost: Vault takes them more slowly than they happen", "lost", lost)
		}
		a.edition.Do(func() { a.askEdition(one.mount) })
		if !one.absent.Load() {
			one.judge(one.try(a.ctx))
		}
	}
}

// askEdition finds out whether anybody can hear what is sent. In Vault's community edition nobody can subscribe (Vault
// documentation, "Event notifications development in Vault plugins": an Enterprise licence is required), and each call
// costs both processes as much as one for storage. Editions tell themselves apart by the metadata of their version, as
// in 1.21.0+ent. What is not known to be the community's is sent everything.
func (a *Announcer) askEdition(m *Mount) {
	var server *logical.PluginEnvironment
	err := announcement{mount: m, send: func(ctx context.Context) (err error) {
		server, err = m.Vault.PluginEnv(ctx)
		return err
	}}.try(a.ctx)
	if err == nil && server != nil && strings.HasPrefix(server.VaultVersion, "1.") && server.VaultVersionMetadata == "" {
		a.noEvents.Store(true)
		a.noObservations.Store(true)
	}
}

func (one announcement) try(ctx context.Context) (err error) {
	defer one.mount.Recover(&err)
	ctx, cancel := context.WithTimeout(ctx, announceTime)
	defer cancel()
	return one.send(ctx)
}

// judge learns from an answer what the server does not have at all.
func (one announcement) judge(err error) {
	switch {
	case err == nil:
	case status.Code(err) == codes.Unimplemented, errors.Is(err, framework.ErrNoEvents), errors.Is(err, framework.ErrNoObservations):
		one.absent.Store(true)
	default:
		one.mount.Log.Debug("Vault did not take an event or an observation", "error", err)
	}
}

// Flush waits until what a mount has announced is sent, for a moment.
func (m *Mount) Flush() {
	if m.Announcer == nil {
		return
	}
	sent := make(chan struct{})
	m.Announcer.mu.Lock()
	if !m.Announcer.sending {
		m.Announcer.mu.Unlock()
		return
	}
	m.Announcer.add(announcement{m, new(atomic.Bool), func(context.Context) error { close(sent); return nil }})
	m.Announcer.mu.Unlock()
	patience := time.NewTimer(flushTime)
	defer patience.Stop()
	select {
	case <-sent:
	case <-patience.C:
	}
}
