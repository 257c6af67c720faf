// SPDX-License-Identifier: MPL-2.0

package backend

// What the fuzz targets stand on: a mount whose AWS and whose client live longer than
// one execution, because making those anew each time would take most of the time. All
// else is new for each: the process, its storage, its log. Run them with "make fuzz";
// "make test" runs their seeds.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const (
	// fuzzSecret stands for a secret key wherever a request or storage has one. It is
	// no key of the fake's.
	fuzzSecret = "fuzzed/secret+key/that/nobody/may/ever/see"

	// fuzzAccount is how many executions share an AWS account, which remembers the
	// sessions that it gave.
	fuzzAccount = 2000

	// fuzzHang is when an execution is taken for one that never ends.
	fuzzHang = time.Minute

	// fuzzMemory is how much an execution may allocate.
	fuzzMemory = 64 << 20
)

// fuzzMount is a mount for many executions, one after another.
type fuzzMount struct {
	*mount
	ctx     context.Context
	furnish func(m *mount) // what every execution finds
	base    map[string]string
	client  *awscreds.Client
	log     *fuzzLog
	used    int
	state   map[string]fakeaws.User // of AWS, as it was furnished
}

// fuzzLog keeps what the engine logs.
type fuzzLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *fuzzLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *fuzzLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newFuzzMount makes a mount for a target. What furnish makes is there again for each
// execution.
func newFuzzMount(f *testing.F, furnish func(m *mount)) *fuzzMount {
	f.Helper()
	fm := &fuzzMount{ctx: context.Background(), furnish: furnish}
	f.Cleanup(func() { fm.close() })
	return fm
}

func (fm *fuzzMount) close() {
	if fm.mount != nil {
		_ = fm.aws.Close() // what was left behind was looked for after each execution
	}
}

// fresh makes the mount as good as new, and watches over the execution.
func (fm *fuzzMount) fresh(t *testing.T) {
	t.Helper()
	hang := time.AfterFunc(fuzzHang, func() {
		debug.SetTraceback("all")
		panic("an execution has not ended within " + fuzzHang.String())
	})
	t.Cleanup(func() { hang.Stop() })
	fm.used++
	if fm.mount == nil || fm.used > fuzzAccount || !reflect.DeepEqual(fm.users(), fm.state) {
		fm.rebuild(t)
	}
	fm.t = t
	fm.restore(fm.base)
	fm.restart()
	fm.aws.ResetCalls()
	fm.ahead.Store(0)
}

// rebuild begins with another AWS account.
func (fm *fuzzMount) rebuild(t *testing.T) {
	t.Helper()
	fm.close()
	aws, err := fakeaws.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fm.mount = &mount{t: t, ctx: fm.ctx, storage: newStorage(), aws: aws, system: &logical.StaticSystemView{
		DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour,
		PluginEnvironment: &logical.PluginEnvironment{VaultVersion: "1.21.0"}, // which the root's help asks for
	}}
	fm.client, fm.used = nil, 0
	fm.restore(nil)
	fm.restart()
	fm.furnish(fm.mount)
	fm.base = fm.storage.dump(t)
	if fm.client, err = fm.b.(*backend).AWS(fm.ctx, fm.storage); err != nil {
		t.Fatal(err)
	}
	fm.state = fm.users()
}

// furnished are the users that targets make behind the wire.
var furnished = []string{"vault-root", "app", "bystander", "Held", "held-2"}

// users are all that AWS has.
func (fm *fuzzMount) users() map[string]fakeaws.User {
	users := map[string]fakeaws.User{}
	for _, name := range append(fm.aws.Users(), furnished...) {
		if user, there := fm.aws.User(name); there {
			users[name] = user
		}
	}
	return users
}

// restore puts storage into a state. It refuses the keys that Vault's refuses.
func (fm *fuzzMount) restore(state map[string]string) {
	fm.storage.Storage = logical.NewStorageView(new(logical.InmemStorage), "")
	for key, value := range state {
		fm.put(key, value)
	}
}

func (fm *fuzzMount) put(key, value string) {
	fm.t.Helper()
	if err := fm.storage.Put(fm.ctx, &logical.StorageEntry{Key: key, Value: []byte(value)}); err != nil {
		fm.t.Fatal(err)
	}
}

// restart begins a process that has the client of the furnished config/root.
func (fm *fuzzMount) restart() {
	fm.t.Helper()
	fm.log = new(fuzzLog)
	m := fm.mount // a later one has another clock
	factory := New(Options{Version: "v0.0.1", ProofPause: time.Microsecond, Now: func() time.Time {
		return time.Now().Add(time.Duration(m.ahead.Load()))
	}})
	b, err := factory(fm.ctx, &logical.BackendConfig{
		Logger:      hclog.New(&hclog.LoggerOptions{Output: fm.log, Level: hclog.Trace}),
		StorageView: fm.storage,
		System:      fm.system,
	})
	if err != nil {
		fm.t.Fatal(err)
	}
	fm.b = b
	b.(*backend).UseClient(fm.client)
}

// answered checks what every answer owes, whatever was asked, and returns its status
// and text.
func (fm *fuzzMount) answered(what string, resp *logical.Response, err error) (status int, text string) {
	fm.t.Helper()
	text, status = outcome(resp, err)
	if err != nil && resp != nil && status != 502 { // a 502 with a text has both: that is how the SDK spells it
		fm.t.Errorf("%s: answered %v together with the error %v", what, resp.Data, err)
	}
	if status >= 400 && strings.TrimSpace(text) == "" {
		fm.t.Errorf("%s: %d without a word", what, status)
	}
	if len(text) > mostAnswer {
		fm.t.Errorf("%s: the refusal has %d bytes: %s", what, len(text), shortened(text))
	}
	fm.noPanic(what, text)
	return status, text
}

// noPanic checks that nothing has panicked, not even where Recover caught it.
func (fm *fuzzMount) noPanic(what, text string) {
	fm.t.Helper()
	if log := fm.log.String(); strings.Contains(text, "internal error") || strings.Contains(log, "panic") {
		fm.t.Errorf("%s: a panic: %s\n%s", what, text, log)
	}
}

// secretless checks that a text and the log hold no secret.
func (fm *fuzzMount) secretless(what, text string) {
	fm.t.Helper()
	for _, secret := range []string{fuzzSecret, fm.aws.RootKey().SecretAccessKey} {
		if strings.Contains(text, secret) {
			fm.t.Errorf("%s: the answer holds a secret key: %s", what, shortened(text))
		}
		if strings.Contains(fm.log.String(), secret) {
			fm.t.Errorf("%s: the log holds a secret key: %s", what, fm.log.String())
		}
	}
}

// unchanged checks that storage is what it was.
func (fm *fuzzMount) unchanged(what string, before map[string]string) {
	fm.t.Helper()
	after := fm.storage.dump(fm.t)
	if maps.Equal(before, after) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if after[key] != before[key] {
			fm.t.Errorf("%s: was refused, and has written %s: %s", what, key, shortened(after[key]))
		}
	}
	for key := range before {
		if _, kept := after[key]; !kept {
			fm.t.Errorf("%s: was refused, and has deleted %s", what, key)
		}
	}
}

// asVault sends a request as Vault does, which asks first whether there is anything
// there to update. What a request allocates is bounded.
func (fm *fuzzMount) asVault(req *logical.Request) (*logical.Response, error) {
	fm.t.Helper()
	if req.Operation == logical.UpdateOperation {
		var found, exists bool
		err := survive(fm.t, func() (err error) {
			found, exists, err = fm.b.HandleExistenceCheck(fm.ctx, req)
			return err
		})
		if err == nil && found && !exists {
			req.Operation = logical.CreateOperation
		}
	}
	var resp *logical.Response
	err := survive(fm.t, func() (err error) {
		resp, err = fm.b.HandleRequest(fm.ctx, req)
		return err
	})
	return resp, err
}

// jsonOf is a value as text, to look for things in it.
func jsonOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
