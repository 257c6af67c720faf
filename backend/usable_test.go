// SPDX-License-Identifier: MPL-2.0

package backend

// wait_until_usable: a key of an IAM user is handed out when AWS accepts it.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// proofsWanted is how often in a row AWS accepts a key before it counts.
const proofsWanted = 5

// newWaitingMount has the role ci, whose keys work when they arrive.
func newWaitingMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, more...)
	m.write("roles/ci", map[string]any{"policy_arns": readOnly, "wait_until_usable": true})
	m.warmUp()
	return m
}

// accepted is what AWS says to a call that is signed with a key which was handed out.
func (m *mount) accepted(creds *logical.Response) error {
	key := fakeaws.Key{AccessKeyID: creds.Data["access_key"].(string), SecretAccessKey: creds.Data["secret_key"].(string)}
	_, err := fakeaws.Client{Endpoint: m.aws.URL(), Key: key}.CallerARN(m.ctx)
	return err
}

// warmUp makes and ends a user: the engine has its client then, and knows its account.
func (m *mount) warmUp() {
	m.t.Helper()
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	m.revoke(m.creds("developer-access"))
	m.aws.ResetCalls()
}

// probes are the looks at keys so far, which the keys themselves sign, and how many of them AWS
// refused.
func (m *mount) probes() (all, refused int) {
	root := m.aws.RootKey().AccessKeyID
	for _, call := range m.aws.Calls() {
		if call.Action == "GetCallerIdentity" && call.AccessKeyID != root && strings.HasPrefix(call.AccessKeyID, "AKIA") {
			all++
			if call.Status != http.StatusOK {
				refused++
			}
		}
	}
	return all, refused
}

// probed checks how many looks there were.
func (m *mount) probed(want int) {
	m.t.Helper()
	if all, _ := m.probes(); all != want {
		m.t.Errorf("%d looks at the key, want %d", all, want)
	}
}

// silent checks that an answer warns of nothing.
func (m *mount) silent(resp *logical.Response) {
	m.t.Helper()
	if len(resp.Warnings) > 0 {
		m.t.Errorf("warned: %v", resp.Warnings)
	}
}

func TestKeysWorkWhenTheyArrive(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	for _, lag := range []int{0, 1, 7} {
		m.aws.SetKeyLagCalls(lag)
		m.aws.ResetCalls()
		creds := m.creds("ci")
		m.silent(creds)
		m.probed(lag + proofsWanted)
		for _, call := range m.aws.Calls() {
			if call.Action == "GetCallerIdentity" && call.AccessKeyID != creds.Data["access_key"] {
				t.Errorf("asked as %s, and the key is %s", call.AccessKeyID, creds.Data["access_key"])
			}
		}
		if err := m.accepted(creds); err != nil {
			t.Errorf("behind by %d calls, and the key does not work: %v", lag, err)
		}
		m.revoke(creds)
	}
	m.aws.SetKeyLagCalls(2)
	m.aws.ResetCalls()
	plain := m.creds("developer-access")
	m.probed(0)
	if m.accepted(plain) == nil {
		t.Error("the fake does not lag")
	}
	m.revoke(plain)
	m.noUsers()
}

func TestARefusalBeginsTheCountAnew(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeaws.Fault{
		"not known":          {Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"},
		"signature":          {Kind: fakeaws.Refuse, Code: "SignatureDoesNotMatch"},
		"throttled":          {Kind: fakeaws.Throttle},
		"5xx":                {Kind: fakeaws.ServerError},
		"503":                {Kind: fakeaws.Unavailable},
		"cut":                {Kind: fakeaws.Cut},
		"somebody else's":    {Kind: fakeaws.Foreign, Status: http.StatusForbidden},
		"region not enabled": {Kind: fakeaws.Refuse, Code: "RegionDisabledException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWaitingMount(t)
			fault.Action, fault.After, fault.Times = "GetCallerIdentity", proofsWanted-1, 1
			m.aws.Inject(fault)
			creds := m.creds("ci")
			m.silent(creds)
			m.probed(2 * proofsWanted)
			m.revoke(creds)
		})
	}
}

// A Deny of an endpoint's policy, or of a service control policy, comes after AWS has accepted
// the key.
func TestADeniedLookCounts(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "AccessDenied"})
	creds := m.creds("ci")
	m.silent(creds)
	m.probed(proofsWanted)
	m.revoke(creds)
}

// Where STS cannot tell, nobody waits, and it is asked but once.
func TestNobodyWaitsWhereSTSCannotTell(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeaws.Fault{
		"action": {Kind: fakeaws.Unsupported, Code: "InvalidAction"},
		"method": {Kind: fakeaws.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWaitingMount(t)
			fault.Action = "GetCallerIdentity"
			m.aws.Inject(fault)
			for range 3 {
				creds := m.creds("ci")
				m.warns(creds, "wait_until_usable: STS has no GetCallerIdentity here")
				m.revoke(creds)
			}
			m.probed(1)
			m.aws.ClearFaults()
			m.write("config/root", map[string]any{"max_retries": 1})
			creds := m.creds("ci")
			m.silent(creds)
			m.revoke(creds)
		})
	}
}

// One 405, of a proxy say, does not switch wait_until_usable off for the rest of the process: as with all that an
// installation lacks, it is asked for again after an hour.
func TestOneRefusedLookIsNotForEver(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Unsupported, Times: 1})
	m.revoke(m.creds("ci"))
	m.age(2 * time.Hour)
	creds := m.creds("ci")
	m.silent(creds)
	m.revoke(creds)
}

// under begins a request in the background, and returns once AWS has been asked about the new
// key so many times.
func (m *mount) under(ctx context.Context, role string, looks int) (answer func() (*logical.Response, error)) {
	m.t.Helper()
	var resp *logical.Response
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err = m.b.HandleRequest(ctx, m.request(logical.ReadOperation, "creds/"+role, nil))
	}()
	m.waitUntil("AWS is asked about the key", func() bool { all, _ := m.probes(); return all >= looks })
	return func() (*logical.Response, error) { <-done; return resp, err }
}

// At the timeout the key is returned with a warning, whatever AWS said meanwhile. Its record
// was written with the longest wait in it, and once.
func TestAWaitThatTimesOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait  string
		limit time.Duration
		never func(m *mount)
	}{
		"AWS lags":        {"0", 20 * time.Second, func(m *mount) { m.aws.SetLag(0, time.Hour) }},
		"of its own time": {"28s", 28 * time.Second, func(m *mount) { m.aws.SetLag(0, time.Hour) }},
		"accepted now and then": {"30s", 30 * time.Second, func(m *mount) {
			m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.ServerError, Every: 4})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWaitingMount(t)
			m.write("roles/ci", map[string]any{"wait_timeout": c.wait, "default_ttl": "1h"})
			c.never(m)
			answer := m.under(m.ctx, "ci", 2)
			m.pass(c.limit / 2)
			all, _ := m.probes()
			m.waitUntil("it is asked again before the time is over", func() bool { again, _ := m.probes(); return again > all+2 })
			m.pass(c.limit / 2)
			creds, err := answer()
			if err != nil || creds.IsError() {
				t.Fatalf("%v %v", err, creds)
			}
			m.warns(creds, "wait_until_usable: AWS does not accept the key everywhere after "+c.limit.String())
			r, err := engine.Load[userRecord](m.ctx, m.storage, recordKey(m.user(creds)))
			if err != nil || r.State != "" {
				t.Fatalf("%v %+v", err, r)
			}
			if latest := r.Issued.Add(c.limit + time.Hour); r.Ends.Before(latest) {
				t.Errorf("the lease may live until %s, and its record says %s", latest, r.Ends)
			}
			if len(m.aws.Users()) != 1 {
				t.Error("the user is gone")
			}
			m.revoke(creds)
			m.noUsers()
		})
	}
}

// A key that somebody deletes meanwhile is one that AWS does not accept, and no more.
func TestAKeyThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.SetLag(0, time.Hour)
	answer := m.under(m.ctx, "ci", 1)
	user := m.aws.Users()[0]
	m.deleteKey(user, m.keys(user)[0])
	m.pass(time.Minute)
	creds, err := answer()
	if err != nil || creds.IsError() {
		t.Fatalf("%v %v", err, creds)
	}
	m.warns(creds, "InvalidClientTokenId")
	m.revoke(creds)
	m.noUsers()
}

// A client that goes away while it waits leaves nothing; nor does a mount that is let go.
func TestNobodyIsThereToTakeTheKey(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(m *mount, cancel func()){
		"the client leaves": func(_ *mount, cancel func()) { cancel() },
		"the mount ends":    func(m *mount, _ func()) { m.b.Cleanup(m.ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWaitingMount(t)
			m.aws.SetLag(0, time.Hour)
			ctx, cancel := context.WithCancel(m.ctx)
			defer cancel()
			answer := m.under(ctx, "ci", 2)
			leave(m, cancel)
			if creds, err := answer(); err == nil && !creds.IsError() {
				t.Errorf("answered %v", creds)
			}
			m.noUsers()
			m.recorded(0)
			m.registered(0)
		})
	}
}

// The request's own deadline comes first: it answers while it can.
func TestAWaitEndsBeforeTheRequestDoes(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.SetLag(0, time.Hour)
	ctx, cancel := context.WithTimeout(m.ctx, 6*time.Second)
	defer cancel()
	resp, err := m.b.HandleRequest(ctx, m.request(logical.ReadOperation, "creds/ci", nil))
	if err != nil || resp.IsError() {
		t.Fatalf("%v %v", err, resp)
	}
	m.warns(resp, "wait_until_usable: ")
	m.revoke(resp)
}

// The warning says how long the request waited, which is less than wait_timeout where the request had no more time.
func TestWarningSaysHowLongItWaited(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.write("roles/ci", map[string]any{"wait_timeout": "30s"})
	m.aws.SetLag(0, time.Hour)
	m.hurry(3 * time.Second)
	var creds *logical.Response
	var err error
	m.untilInTime(func() string {
		creds, err = m.ask(logical.ReadOperation, "creds/ci", nil)
		text, _ := outcome(creds, err)
		return text
	})
	if err != nil || creds.IsError() {
		t.Fatalf("%v %v", err, creds)
	}
	m.hurry(0)
	if text := strings.Join(creds.Warnings, " "); strings.Contains(text, "after 30s") {
		t.Errorf("a request of less warns: %s", text)
	}
	m.revoke(creds)
}

// Fifty requests wait, under a cap that counts them, and hold nobody up.
func TestWaitsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	const waiting = 50
	m := newWaitingMount(t)
	m.aws.AddRole("deploy")
	m.write("roles/deploy", map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN})
	m.write("roles/ci", map[string]any{"max_users": waiting})
	defer m.revoke(m.creds("developer-access"))
	m.aws.SetLag(0, time.Hour)
	var waits sync.WaitGroup
	answers := make(chan *logical.Response, waiting)
	for range waiting {
		waits.Go(func() {
			creds, err := m.ask(logical.ReadOperation, "creds/ci", nil)
			if err != nil || creds.IsError() {
				t.Errorf("%v %v", err, creds)
				return
			}
			answers <- creds
		})
	}
	m.waitUntil("all of them wait", func() bool {
		asked := map[string]bool{}
		for _, call := range m.aws.Calls() {
			if call.Action == "GetCallerIdentity" {
				asked[call.AccessKeyID] = true
			}
		}
		return len(asked) == waiting
	})
	if text := m.refused(logical.ReadOperation, "creds/ci", nil); text != `max_users: the role "ci" has 50 IAM users, and allows 50; revoke leases that nobody needs, or raise max_users at roles/ci` {
		t.Errorf("refused with %s", text)
	}
	m.creds("deploy")
	m.revoke(m.creds("developer-access"))
	m.write("roles/ci", map[string]any{"max_users": 0})
	m.mustTick()
	m.pass(time.Minute)
	waits.Wait()
	close(answers)
	for creds := range answers {
		m.warns(creds, "wait_until_usable: ")
		m.revoke(creds)
	}
}

// A rate that AWS sets to looks at keys is nobody else's: the mount's own calls of the action
// go at once.
func TestLooksKeepToNoRate(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Throttle, Times: 3})
	creds := m.creds("ci")
	m.silent(creds)
	m.probed(3 + proofsWanted)
	m.revoke(creds)
}

// The key speaks for itself, through the mount's endpoints, whoever the mount is.
func TestKeysAreProvenAtTheMountsEndpoints(t *testing.T) {
	t.Parallel()
	t.Run("of an assumed role", func(t *testing.T) {
		t.Parallel()
		m := newMount(t)
		m.aws.AddRole("vault")
		m.configure(map[string]any{"role_arn": "arn:aws:iam::123456789012:role/vault"})
		m.write("roles/ci", map[string]any{"policy_arns": readOnly, "wait_until_usable": true})
		m.warmUp()
		m.aws.SetKeyLagCalls(1)
		creds := m.creds("ci")
		m.silent(creds)
		m.probed(1 + proofsWanted)
		m.revoke(creds)
	})
	t.Run("with a fallback", func(t *testing.T) {
		t.Parallel()
		m := newMount(t)
		m.configure(map[string]any{"sts_endpoint": "http://127.0.0.1:1", "sts_region": "us-east-1",
			"sts_fallback_endpoints": m.aws.URL(), "sts_fallback_regions": "us-east-1"})
		m.write("roles/ci", map[string]any{"policy_arns": readOnly, "wait_until_usable": true})
		m.warmUp()
		creds := m.creds("ci")
		m.silent(creds)
		m.probed(proofsWanted)
		m.revoke(creds)
	})
}

// A key that the configured STS refuses does not work on arrival, although a fallback takes it: for a call of the engine's
// InvalidClientTokenId may be about the place, for a new key it is the very thing that is waited for.
func TestFallbackDoesNotSpeakForTheConfiguredSTS(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.write("config/root", map[string]any{"sts_fallback_endpoints": m.aws.URL()})
	m.write("roles/ci", map[string]any{"wait_timeout": "1s"})
	m.revoke(m.creds("ci"))
	// Each look asks two places, and the first of them refuses.
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId", Every: 2})
	creds := m.creds("ci")
	m.warns(creds, "wait_until_usable: ")
	m.revoke(creds)
}

// What AWS says of a key that it does not know yet, it does not say of the hub's session: waiting for a key of
// another account costs no new session of its hub.
func TestWaitingKeepsTheSessionOfTheHub(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	m.write("roles/payments", map[string]any{"wait_until_usable": true})
	m.revoke(m.creds("payments"))
	m.aws.ResetCalls()
	there.SetKeyLagCalls(3)
	m.revoke(m.creds("payments"))
	if n := m.calls("AssumeRole", other); n != 0 {
		t.Errorf("%d calls of AssumeRole, although there is a session of an hour", n)
	}
}

// A place that does not serve at all says nothing of a key: there the fallback speaks.
func TestFallbackSpeaksWhereTheConfiguredSTSDoesNotServe(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"RegionDisabledException", "OptInRequired", "InvalidAction"} {
		m := newWaitingMount(t)
		m.write("config/root", map[string]any{"sts_fallback_endpoints": m.aws.URL()})
		m.revoke(m.creds("ci"))
		m.aws.ResetCalls()
		m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: code, Every: 2})
		creds := m.creds("ci")
		if all, _ := m.probes(); len(creds.Warnings) > 0 || all > 2*proofsWanted {
			t.Errorf("%s: %d looks, warned %v", code, all, creds.Warnings)
		}
		m.revoke(creds)
	}
}

func TestWaitFieldsOfARole(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for name, c := range map[string]struct {
		data map[string]any
		want string
	}{
		"too long":     {map[string]any{"policy_arns": readOnly, "wait_until_usable": true, "wait_timeout": "31s"}, "wait_timeout: 31s is more than 30s, which is what fits into a request"},
		"negative":     {map[string]any{"policy_arns": readOnly, "wait_timeout": -1}, "wait_timeout: "},
		"of a session": {map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN, "wait_until_usable": true}, "wait_until_usable: is not supported by credential_type assumed_role; only iam_user has it"},
		"a word":       {map[string]any{"policy_arns": readOnly, "wait_until_usable": "soon"}, "wait_until_usable: "},
	} {
		if text := m.refused(logical.UpdateOperation, "roles/x", c.data); len(text) < len(c.want) || text[:len(c.want)] != c.want {
			t.Errorf("%s: refused with %s", name, text)
		}
	}
	m.warns(m.write("roles/x", map[string]any{"policy_arns": readOnly, "wait_timeout": "5s"}), "wait_timeout: is not used without wait_until_usable")
}

// What storage does not know after the wait ends with the request: the record is not written
// again, so an outage of storage meanwhile costs nothing.
func TestTheRecordIsWrittenBeforeTheWait(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.SetLag(0, time.Hour)
	answer := m.under(m.ctx, "ci", 1)
	m.storage.breaks("put", "")
	m.pass(time.Minute)
	creds, err := answer()
	if errors.Is(err, errStorage) || err != nil || creds.IsError() {
		t.Fatalf("%v %v", err, creds)
	}
	m.storage.mend()
	m.registered(1)
	m.revoke(creds)
}
