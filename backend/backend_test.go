// SPDX-License-Identifier: MPL-2.0

package backend

// What every test here stands on: a mount with storage in memory, a clock that the
// test moves, and a fake AWS behind real HTTP. Tests go through the front door,
// HandleRequest, as Vault does; and every secret goes through JSON on its way
// back, as it does in Vault.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// mount is one mount of the engine under test.
type mount struct {
	t        testing.TB
	ctx      context.Context
	b        logical.Backend
	storage  *storage
	aws      *fakeaws.Server
	system   logical.SystemView
	entityID string        // who asks; nobody that Vault knows where it is empty
	accessor string        // of the token of who asks
	id       string        // what Vault calls the mount; mountID where it is empty
	tokensTo []string      // where tokens of files may go, beside the fake; counts from the next start
	logger   hclog.Logger  // of Vault; counts from the next start
	gives    time.Duration // how long a request may take; counts from the next start
	pause    time.Duration // between two looks whether AWS accepts a key; a millisecond where it is zero
	ahead    atomic.Int64  // how far the engine's clock is ahead

	events       logical.EventSender         // of Vault, which may have none; counts from the next start
	observations logical.ObservationRecorder // the same
}

// TestMain takes every AWS identity out of the environment: a test that wants one
// sets it itself.
func TestMain(m *testing.M) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_MAX_ATTEMPTS", "AWS_CA_BUNDLE",
	} {
		_ = os.Unsetenv(name)
	}
	_ = os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_ = os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	_ = os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Exit(m.Run())
}

// mountID is what Vault calls the mount, and no other.
const mountID = "6c1f8d2e-0b7a-4f3e-9d55-2a41c0e7b913"

// newMount mounts the engine, with nothing configured.
func newMount(t testing.TB) *mount {
	t.Helper()
	m := &mount{t: t, ctx: t.Context(), storage: newStorage(), aws: fakeaws.New(t), system: &logical.StaticSystemView{
		DefaultLeaseTTLVal: 768 * time.Hour,
		MaxLeaseTTLVal:     768 * time.Hour,
	}}
	m.aws.SetDeletionLagCalls(1) // AWS shows late what is gone, as far as no test says otherwise
	m.start()
	return m
}

// instantly lets AWS show all at once, for tests that count calls, or whose subject comes too early otherwise.
func (m *mount) instantly() { m.aws.SetDeletionLagCalls(0) }

// start begins a process: first, and after a crash, of which only storage is left.
func (m *mount) start() {
	m.t.Helper()
	if m.logger == nil {
		m.logger = hclog.NewNullLogger()
	}
	if before, restarts := m.b.(*backend); restarts { // a process that is gone has no timers
		before.tidy.Close()
		before.staticRoles.Close()
	}
	factory := New(Options{
		Version: "v0.0.1", RequestTime: m.gives, ProofPause: cmp.Or(m.pause, time.Millisecond), TidyPause: time.Millisecond,
		WebIdentityTokenFiles: []string{os.TempDir() + "/"}, WebIdentitySTSEndpoints: append([]string{m.aws.URL()}, m.tokensTo...),
		Now: func() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) },
	})
	b, err := factory(m.ctx, &logical.BackendConfig{
		Logger:      m.logger,
		StorageView: m.storage,
		System:      m.system,
		BackendUUID: cmp.Or(m.id, mountID),

		EventsSender: m.events, ObservationRecorder: m.observations,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.b = b
	m.t.Cleanup(func() { b.(*backend).endWithTest() })
}

// endWithTest stops what the engine does by itself, and waits for what is under way: what calls on after its test may
// meet the server of another.
func (b *backend) endWithTest() {
	b.tidy.Close()
	b.staticRoles.Close()
	select {
	case <-b.requests.end():
	case <-time.After(5 * time.Second): // a test may leave a request that nothing ends
	}
}

// knowAccount has the engine know its account, as from its first creation on.
func (m *mount) knowAccount() {
	m.t.Helper()
	client, err := m.b.(*backend).AWS(m.ctx, m.storage)
	if err == nil {
		_, err = client.FindAccount(m.ctx)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.aws.ResetCalls()
}

// waitUntil waits for a condition.
func (m *mount) waitUntil(what string, met func() bool) {
	m.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range 90_000 {
		if met() {
			return
		}
		<-look.C
	}
	m.t.Fatalf("waited in vain until %s", what)
}

// pass moves the engine's clock. Meanwhile all that lags in AWS arrives.
func (m *mount) pass(d time.Duration) {
	m.ahead.Add(int64(d))
	m.aws.Settle()
}

// newConfiguredMount has a root configuration that leads to the fake, and the
// role developer-access.
func newConfiguredMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newMount(t)
	m.configure(more...)
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	return m
}

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

func (m *mount) configure(more ...map[string]any) {
	m.t.Helper()
	key := m.aws.RootKey()
	data := map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey,
		"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(),
	}
	for _, fields := range more {
		maps.Copy(data, fields)
	}
	m.write("config/root", data)
}

// noRetries makes every fault count.
var noRetries = map[string]any{"max_retries": 0}

// ask sends a request as it is and returns what comes back.
func (m *mount) ask(op logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	if op == logical.UpdateOperation && path == "config/root" {
		_, exists, err := m.b.HandleExistenceCheck(m.ctx, m.request(op, path, data))
		if err != nil {
			return nil, err // as in Vault
		}
		if !exists {
			op = logical.CreateOperation
		}
	}
	return m.b.HandleRequest(m.ctx, m.request(op, path, data))
}

func (m *mount) request(op logical.Operation, path string, data map[string]any) *logical.Request {
	return &logical.Request{
		Operation: op, Path: path, Data: data, Storage: m.storage,
		DisplayName: "token-test", EntityID: m.entityID, ClientTokenAccessor: m.accessor, MountPoint: "aws-dyn/",
	}
}

// do sends a request that has to go well.
func (m *mount) do(op logical.Operation, path string, data map[string]any) *logical.Response {
	m.t.Helper()
	resp, err := m.ask(op, path, data)
	if err != nil || resp.IsError() {
		m.t.Fatalf("%s %s: %v %v", op, path, err, resp)
	}
	return resp
}

func (m *mount) write(path string, data map[string]any) *logical.Response {
	m.t.Helper()
	return m.do(logical.UpdateOperation, path, data)
}

func (m *mount) read(path string) map[string]any {
	m.t.Helper()
	resp := m.do(logical.ReadOperation, path, nil)
	if resp == nil {
		return nil
	}
	return resp.Data
}

// refused sends a request that has to be answered 4xx, and returns the text.
func (m *mount) refused(op logical.Operation, path string, data map[string]any) string {
	m.t.Helper()
	resp, err := m.ask(op, path, data)
	text, status := outcome(resp, err)
	if status < 400 || status > 499 {
		m.t.Fatalf("%s %s: want a 4xx, got %d %q", op, path, status, text)
	}
	return text
}

// fails sends a request that has to fail in whatever way, and returns the text.
func (m *mount) fails(op logical.Operation, path string, data map[string]any) string {
	m.t.Helper()
	resp, err := m.ask(op, path, data)
	text, status := outcome(resp, err)
	if status < 400 {
		m.t.Fatalf("%s %s: went well, and should not have", op, path)
	}
	return text
}

// outcome is the status that Vault would answer, and the text.
func outcome(resp *logical.Response, err error) (string, int) {
	var text string
	if resp.IsError() {
		text = resp.Error().Error()
	}
	var coded logical.HTTPCodedError
	switch {
	case errors.Is(err, logical.ErrUpstreamRateLimited):
		return text, 502
	case errors.As(err, &coded):
		return err.Error(), coded.Code()
	case errors.Is(err, logical.ErrUnsupportedPath):
		return err.Error(), 404
	case errors.Is(err, logical.ErrUnsupportedOperation):
		return err.Error(), 405
	case err != nil:
		return err.Error(), 500
	case resp.IsError():
		return text, 400
	}
	return "", 200
}

// creds issues a credential.
func (m *mount) creds(role string) *logical.Response {
	m.t.Helper()
	return m.do(logical.ReadOperation, "creds/"+role, nil)
}

// user is the IAM user of a credential.
func (m *mount) user(creds *logical.Response) string {
	return creds.Secret.InternalData["username"].(string)
}

// lease asks for the renewal or the end of a credential.
func (m *mount) lease(op logical.Operation, creds *logical.Response) (*logical.Response, error) {
	m.t.Helper()
	return m.leaseOn(m.storage, op, creds)
}

// leaseOn is lease with a storage of the request's own.
func (m *mount) leaseOn(s logical.Storage, op logical.Operation, creds *logical.Response) (*logical.Response, error) {
	m.t.Helper()
	raw, err := json.Marshal(creds.Secret)
	if err != nil {
		m.t.Fatal(err)
	}
	secret := new(logical.Secret)
	if err := json.Unmarshal(raw, secret); err != nil {
		m.t.Fatal(err)
	}
	secret.InternalData = through(m.t, creds.Secret.InternalData)
	secret.IssueTime = creds.Secret.IssueTime // what JSON leaves out, and Vault sends
	req := m.request(op, "", nil)
	req.Secret, req.Storage = secret, s
	return m.b.HandleRequest(m.ctx, req)
}

// through sends a map through JSON.
func through(t testing.TB, data map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (m *mount) revoke(creds *logical.Response) {
	m.t.Helper()
	if resp, err := m.lease(logical.RevokeOperation, creds); err != nil || resp.IsError() {
		m.t.Fatalf("revoke: %v %v", err, resp)
	}
}

func (m *mount) renew(creds *logical.Response) *logical.Secret {
	m.t.Helper()
	resp, err := m.lease(logical.RenewOperation, creds)
	if err != nil || resp.IsError() {
		m.t.Fatalf("renew: %v %v", err, resp)
	}
	return resp.Secret
}

// tick is Vault's rollback manager coming by.
func (m *mount) tick() error {
	_, err := m.b.HandleRequest(m.ctx, m.request(logical.RollbackOperation, "", nil))
	return err
}

func (m *mount) mustTick() {
	m.t.Helper()
	if err := m.tick(); err != nil {
		m.t.Fatal(err)
	}
}

// records counts what is written down as possibly existing: entries of the WAL that mirror
// no record, and records that no lease has.
func (m *mount) records() int {
	m.t.Helper()
	ids, err := framework.ListWAL(m.ctx, m.storage)
	if err != nil {
		m.t.Fatal(err)
	}
	n := 0
	for _, id := range ids {
		if !strings.HasPrefix(id, mirrorPrefix) {
			n++
		}
	}
	_, creating := m.recordsByState()
	return n + creating
}

// recordsByState counts the records of users that a lease has or had, and of those that were
// being made.
func (m *mount) recordsByState() (issued, creating int) {
	m.t.Helper()
	keys, err := m.storage.Storage.List(m.ctx, engine.PrefixIssued)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, key := range keys {
		r, err := engine.Load[userRecord](m.ctx, m.storage.Storage, engine.PrefixIssued+key)
		if err == nil && r.State == "creating" {
			creating++
		} else {
			issued++
		}
	}
	return issued, creating
}

// keptByTicks are what every tick keeps in storage, whatever is configured.
var keptByTicks = []string{engine.KeyHeartbeat, engine.KeyTerms, engine.KeyOwnership}

// noUsers checks that AWS has no user of ours.
func (m *mount) noUsers() {
	m.t.Helper()
	if users := m.aws.Users(); len(users) > 0 {
		m.t.Errorf("left in AWS: %s", strings.Join(users, ", "))
	}
}

// recorded checks how many users are written down.
func (m *mount) recorded(want int) {
	m.t.Helper()
	if got := m.records(); got != want {
		m.t.Errorf("%d users are written down, want %d", got, want)
	}
}

// registered checks how many users have a record as those of a lease.
func (m *mount) registered(want int) {
	m.t.Helper()
	if issued, _ := m.recordsByState(); issued != want {
		m.t.Errorf("%d users have a record, want %d", issued, want)
	}
}

// age lets time pass for AWS too.
func (m *mount) age(d time.Duration) {
	m.pass(d)
	m.aws.Age(d)
}

// untilUseIsTold lets AWS have told of every use of a key so far, without a gap in the heartbeat.
func (m *mount) untilUseIsTold() {
	m.t.Helper()
	for range 4 {
		m.age(engine.UseToldAfter/4 + time.Second) // AWS tells times in seconds
		m.mustTick()
	}
}
