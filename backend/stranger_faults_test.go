// SPDX-License-Identifier: MPL-2.0

package backend

// What goes wrong while this mount does something beside strangers.

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// troubledActions are the calls that meet faults; the empty one is any.
var troubledActions = []string{
	"", "", "CreateUser", "CreateUser", "CreateAccessKey", "AttachUserPolicy", "AddUserToGroup", "DeleteUser", "DeleteUser",
	"DeleteAccessKey", "DetachUserPolicy", "GetUser", "GetUser", "GetAccessKeyLastUsed", "ListAccessKeys", "ListUsers", "GetCallerIdentity",
}

// foreignBody is what a proxy says.
const foreignBody = "<html><body>Welcome</body></html>"

// ask sends a request of this mount's, and lets something go wrong.
func (w *world) ask(req *logical.Request) (*logical.Response, error) {
	w.m.aws.ResetCalls()
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		w.awsFault()
	case 3:
		w.refusals()
	case 4:
		return w.stumble(req)
	case 5:
		return w.leave(req)
	case 6:
		if !w.away && w.late.next == nil {
			return w.comeLate(req)
		}
	}
	return w.send(req)
}

// send sends a request.
func (w *world) send(req *logical.Request) (*logical.Response, error) {
	resp, err := w.m.b.HandleRequest(w.m.ctx, req)
	w.m.b.(*backend).tidy.Wait()
	w.hear(resp, err)
	return resp, err
}

// hear notes how a request ended.
func (w *world) hear(resp *logical.Response, err error) {
	if text, status := outcome(resp, err); status != 200 {
		w.note("answered %d %.300s", status, text)
	}
}

// awsFault lets AWS do something wrong, once, twice or as long as the operation takes.
func (w *world) awsFault() {
	kinds := []fakeaws.Kind{fakeaws.Refuse, fakeaws.ServerError, fakeaws.Unavailable, fakeaws.LostAnswer, fakeaws.LostAnswer, fakeaws.Cut,
		fakeaws.Conflict, fakeaws.Foreign, fakeaws.ForeignAfter}
	if w.retries == 0 {
		kinds = append(kinds, fakeaws.Throttle) // else the waits are long
	}
	f := fakeaws.Fault{Action: one(w, troubledActions...), Kind: one(w, kinds...), After: w.rng.IntN(3), Times: w.rng.IntN(3), Body: foreignBody}
	w.inject(f)
}

func (w *world) inject(f fakeaws.Fault) {
	w.note("%s of %q after %d, times %d", f.Kind, f.Action, f.After, f.Times)
	w.faults++
	w.aws().Inject(f)
}

// refusals is an identity that lacks permissions, and something else perhaps.
func (w *world) refusals() {
	for _, action := range []string{"GetUser", "GetAccessKeyLastUsed", "DeleteAccessKey"} {
		if w.rng.IntN(2) == 0 {
			w.inject(fakeaws.Fault{Action: action, Kind: fakeaws.Refuse})
		}
	}
	if w.rng.IntN(2) == 0 {
		w.inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1}) // as without iam:TagUser
	}
	if w.rng.IntN(2) == 0 {
		w.awsFault()
	}
}

// stumble lets storage fail once, or the process die with it.
func (w *world) stumble(req *logical.Request) (*logical.Response, error) {
	how := one(w, stumbles...)
	process := &stumbling{Storage: w.m.storage, at: w.rng.IntN(10), how: how, dies: func() { w.aws().Inject(fakeaws.Fault{Kind: fakeaws.Cut}) }}
	w.note("storage %d: %s", process.at, how.name)
	w.faults++
	req.Storage = process
	resp, err := w.send(req)
	if process.dead {
		w.restart()
		return nil, errStorage // nobody hears the answer
	}
	return resp, err
}

// leave lets the client go away while AWS works or answers, and the process die perhaps.
func (w *world) leave(req *logical.Request) (*logical.Response, error) {
	f := fakeaws.Fault{Action: one(w, troubledActions...), Kind: one(w, fakeaws.Hang, fakeaws.HangAfter), After: w.rng.IntN(4), Times: 1}
	dies := w.rng.IntN(2) == 0
	w.note("the client leaves, dies: %v: %s of %q after %d", dies, f.Kind, f.Action, f.After)
	w.faults++
	met := w.aws().Inject(f)
	process := &mortal{Storage: w.m.storage}
	req.Storage = process
	ctx, cancel := context.WithCancel(w.m.ctx)
	defer cancel()
	var resp *logical.Response
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resp, err = w.m.b.HandleRequest(ctx, req)
		w.m.b.(*backend).tidy.Wait()
	}()
	select {
	case <-met.Reached():
		if dies {
			process.dead.Store(true)
			w.aws().Inject(fakeaws.Fault{Kind: fakeaws.Cut})
		}
		cancel()
		met.Release()
		<-ended
	case <-ended:
		dies = false
	}
	w.hear(resp, err)
	if dies {
		w.restart()
		return nil, errStorage
	}
	return resp, err
}

// comeLate has AWS perform CreateUser when nobody waits for it any more.
func (w *world) comeLate(req *logical.Request) (*logical.Response, error) {
	wait, hit := make(chan struct{}), make(chan struct{})
	w.late.mu.Lock()
	w.late.next, w.late.hit = wait, hit
	w.late.mu.Unlock()
	ctx, cancel := context.WithCancel(w.m.ctx)
	defer cancel()
	var resp *logical.Response
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resp, err = w.m.b.HandleRequest(ctx, req)
		w.m.b.(*backend).tidy.Wait()
	}()
	select {
	case <-hit:
		w.note("AWS performs CreateUser late")
		w.faults++
		w.lateFor = 0
		cancel()
		<-ended
	case <-ended: // it makes no user
		w.late.mu.Lock()
		w.late.next, w.late.hit = nil, nil
		w.late.mu.Unlock()
	}
	w.hear(resp, err)
	return resp, err
}

// restart begins the next process.
func (w *world) restart() {
	w.m.aws.ClearFaults()
	w.elsewhere.ClearFaults()
	w.m.b.(*backend).tidy.Wait()
	w.m.start()
}

// leaseRequest asks for the renewal or the end of a lease, as Vault does.
func (w *world) leaseRequest(op logical.Operation, creds *logical.Response) *logical.Request {
	raw, err := json.Marshal(creds.Secret)
	if err != nil {
		w.t.Fatal(err)
	}
	secret := new(logical.Secret)
	if err := json.Unmarshal(raw, secret); err != nil {
		w.t.Fatal(err)
	}
	secret.InternalData, secret.IssueTime = through(w.t, creds.Secret.InternalData), creds.Secret.IssueTime
	req := w.m.request(op, "", through(w.t, creds.Data))
	req.Secret = secret
	return req
}

// byWire makes a user as a process that is no more did.
func (w *world) byWire(name string) (keyID string) {
	w.call(w.m.aws, "CreateUser", url.Values{"UserName": {name}})
	w.call(w.m.aws, "CreateAccessKey", url.Values{"UserName": {name}})
	return w.m.aws.Keys(name)[0].AccessKeyID
}
