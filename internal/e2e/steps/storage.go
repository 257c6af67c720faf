// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// This file puts the questions between the engine and Vault. A step is a POST of mount (the path of the mount),
// operation (Vault's word for the request), and what (such as "before put wal/…"); its answer is the leave to go on. Its
// header Ahead says by how much the clock is ahead.

// mount is one mount of the engine, which steps.
type mount struct {
	logical.Backend
	url  string
	path atomic.Value // string: where Vault has it, once a request has said so
}

// ahead is by how much the clock of all mounts is ahead. It only moves forward: answers may overtake each other.
var ahead atomic.Int64

// hear takes what an answer says of the clock.
func hear(resp *http.Response) {
	d, err := time.ParseDuration(resp.Header.Get("Ahead"))
	for was := ahead.Load(); err == nil && int64(d) > was && !ahead.CompareAndSwap(was, int64(d)); {
		was = ahead.Load()
	}
}

// asker keeps a connection for each of the many steps that wait at once.
var asker = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}

// stepping makes mounts that step out of those that do not.
func stepping(factory logical.Factory, url string) logical.Factory {
	return func(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
		m := &mount{url: url}
		m.path.Store("")
		if conf != nil && conf.StorageView != nil {
			stepped := *conf
			stepped.StorageView = &storage{conf.StorageView, m, "own"}
			conf = &stepped
		}
		var err error
		if m.Backend, err = factory(ctx, conf); err != nil {
			return nil, err
		}
		return m, nil
	}
}

// ask waits until the step is allowed. It does not care whether the request that the step is part of has been
// given up: it is the step that waits, and not its client. If nobody answers, nobody is there to step for.
func (m *mount) ask(ctx context.Context, operation, what string) {
	path, _ := m.path.Load().(string)
	form := url.Values{"mount": {path}, "operation": {operation}, "what": {what}}
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, m.url+"?"+form.Encode(), http.NoBody)
	if err != nil {
		panic(err) // the test gave a URL that is none
	}
	resp, err := asker.Do(req)
	if err == nil {
		_ = resp.Body.Close() // there is nothing in it
		hear(resp)
	}
}

// HandleRequest has the request step.
func (m *mount) HandleRequest(ctx context.Context, req *logical.Request) (*logical.Response, error) {
	m.path.Store(req.MountPoint)
	operation := string(req.Operation)
	req.Storage = &storage{req.Storage, m, operation}
	resp, err := m.Backend.HandleRequest(ctx, req)
	m.ask(ctx, operation, "before the answer")
	return resp, err
}

// HandleExistenceCheck says no more than what its request will say.
func (m *mount) HandleExistenceCheck(ctx context.Context, req *logical.Request) (found, exists bool, err error) {
	m.path.Store(req.MountPoint)
	return m.Backend.HandleExistenceCheck(ctx, req)
}

// Initialize has what a new process does of its own accord step.
func (m *mount) Initialize(ctx context.Context, req *logical.InitializationRequest) error {
	req.Storage = &storage{req.Storage, m, "own"}
	return m.Backend.Initialize(ctx, req)
}

// Cleanup tells that Vault lets go of the mount.
func (m *mount) Cleanup(ctx context.Context) {
	m.ask(ctx, "cleanup", "before the answer")
	m.Backend.Cleanup(ctx)
}

// storage is Vault's, whose writes step.
type storage struct {
	logical.Storage
	mount     *mount
	operation string
}

// untimely are the keys of the heartbeat, which is no step: an operation writes it only where none was written of late.
var untimely = []string{"register-watch", "terms"}

// Put writes, between two steps.
func (s *storage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if slices.Contains(untimely, entry.Key) {
		return s.Storage.Put(ctx, entry)
	}
	s.mount.ask(ctx, s.operation, "before put "+entry.Key)
	err := s.Storage.Put(ctx, entry)
	s.mount.ask(ctx, s.operation, "after put "+entry.Key)
	return err
}

// Delete deletes, between two steps.
func (s *storage) Delete(ctx context.Context, key string) error {
	s.mount.ask(ctx, s.operation, "before delete "+key)
	err := s.Storage.Delete(ctx, key)
	s.mount.ask(ctx, s.operation, "after delete "+key)
	return err
}
