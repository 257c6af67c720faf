// SPDX-License-Identifier: MPL-2.0

package backend

// A static role hands out its new key when AWS accepts it, and the one before until then.

import (
	"net/url"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// handed is the ID of the key that static-creds answers, whether or not it works.
func (m *mount) handed() string {
	m.t.Helper()
	return m.read("static-creds/app")["access_key"].(string)
}

// rotateUnaccepted rotates the key of app by schedule, and AWS does not accept the new one.
func (m *mount) rotateUnaccepted() (before, made string) {
	m.t.Helper()
	before = m.served("app")
	m.aws.SetLag(0, time.Hour)
	m.pass(24 * time.Hour)
	m.tickLate()
	for _, id := range m.keys("app") {
		if id != before {
			made = id
		}
	}
	if made == "" {
		m.t.Fatal("the key was not rotated")
	}
	return before, made
}

// tickLate is a tick whose looks at keys run out of time.
func (m *mount) tickLate() {
	m.t.Helper()
	done := make(chan error)
	m.aws.ResetCalls()
	go func() { done <- m.tick() }()
	m.waitUntil("AWS is asked about the key", func() bool { all, _ := m.probes(); return all > 0 })
	m.pass(4 * time.Second)
	if err := <-done; err != nil {
		m.t.Fatal(err)
	}
}

func TestStaticKeyIsHandedOutWhenAWSAcceptsIt(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	rotated := m.read("static-creds/app")["last_vault_rotation"]
	before, made := m.rotateUnaccepted()
	resp := m.do(logical.ReadOperation, "static-creds/app", nil)
	m.silent(resp)
	if resp.Data["access_key"] != before || resp.Data["last_vault_rotation"] != rotated || resp.Data["ttl"].(int64) > 2 {
		t.Errorf("before AWS accepts %s: %v", made, resp.Data)
	}
	m.works(before, resp.Data["secret_key"].(string))
	m.tickLate()
	m.start() // by the next process, too
	if now := m.handed(); now != before {
		t.Errorf("hands out %s", now)
	}
	m.aws.Age(time.Hour)
	m.mustTick()
	if now := m.served("app"); now != made {
		t.Errorf("hands out %s, and AWS accepts %s", now, made)
	}
	stored, err := engine.Load[map[string]any](m.ctx, m.storage, engine.PrefixStaticCreds+"app")
	if err != nil || (*stored)["previous_secret_key"] != nil || (*stored)["unproven"] != nil {
		t.Errorf("stored %v, %v", *stored, err)
	}
}

// previous_key_ttl does not take away what is handed out.
func TestStaticKeyStaysWhileTheNextIsNotAccepted(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h", "previous_key_ttl": "1m"})
	before, made := m.rotateUnaccepted()
	m.pass(2 * time.Minute)
	m.tickLate()
	m.hasKeys("app", before, made)
	if now := m.served("app"); now != before {
		t.Errorf("hands out %s", now)
	}
	m.aws.Age(time.Hour)
	m.mustTick()
	m.hasKeys("app", made)
	if now := m.served("app"); now != made {
		t.Errorf("hands out %s", now)
	}
}

// A key that AWS never accepts is handed out in the end: perhaps nobody can reach STS from here.
func TestStaticKeyThatIsNeverAccepted(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	_, made := m.rotateUnaccepted()
	m.pass(DefaultWALMinAge)
	m.tickLate()
	if now := m.handed(); now != made {
		t.Errorf("hands out %s", now)
	}
}

// Where there is no key before, the answer says that this one is young: at the adoption, and
// where a customer's key has the second place.
func TestStaticKeyWithoutOneBefore(t *testing.T) {
	t.Parallel()
	const young = "access_key: was made "
	t.Run("adopted", func(t *testing.T) {
		t.Parallel()
		m := newStaticMount(t)
		m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
		m.meanwhile("static-roles/app", daily)
		m.warns(m.do(logical.ReadOperation, "static-creds/app", nil), young)
		m.aws.ClearFaults()
		m.mustTick()
		m.silent(m.do(logical.ReadOperation, "static-creds/app", nil))
	})
	t.Run("a customer's key has the second place", func(t *testing.T) {
		t.Parallel()
		m := newRotatingMount(t)
		m.aws.AddKey("app")
		m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
		m.meanwhile("static-roles/app/rotate", nil)
		resp := m.do(logical.ReadOperation, "static-creds/app", nil)
		m.warns(resp, young)
		m.warns(resp, "; the one before had to be deleted to make room for it")
		m.aws.ClearFaults()
		m.mustTick()
		m.silent(m.do(logical.ReadOperation, "static-creds/app", nil))
	})
}

// meanwhile writes, and lets the time pass for which the request waits for AWS.
func (m *mount) meanwhile(path string, data map[string]any) {
	m.t.Helper()
	done := make(chan struct{})
	m.aws.ResetCalls()
	go func() {
		defer close(done)
		if resp, err := m.ask(logical.UpdateOperation, path, data); err != nil || resp.IsError() {
			m.t.Errorf("%s: %v %v", path, err, resp)
		}
	}()
	m.waitUntil("AWS is asked about the key", func() bool { all, _ := m.probes(); return all > 0 })
	m.pass(21 * time.Second)
	<-done
}

// Where STS cannot tell, the new key is handed out at once.
func TestStaticKeyWhereSTSCannotTell(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	before := m.served("app")
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Unsupported, Code: "InvalidAction"})
	m.write("static-roles/app/rotate", nil)
	if now := m.handed(); now == before {
		t.Error("hands out the key before")
	}
}

// A key before that is gone, or that somebody made inactive, is not handed out.
func TestStaticKeyBeforeThatDoesNotWork(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mount, id string){
		"gone":     func(m *mount, id string) { m.deleteKey("app", id) },
		"inactive": func(m *mount, id string) { m.deactivate("app", id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t)
			before := m.served("app")
			m.pass(time.Hour)
			end(m, before)
			m.aws.SetLag(0, time.Hour)
			m.meanwhile("static-roles/app/rotate", nil)
			resp := m.do(logical.ReadOperation, "static-creds/app", nil)
			m.warns(resp, "access_key: was made ")
			if resp.Data["access_key"] == before {
				t.Error("hands out the key before")
			}
		})
	}
}

// deactivate makes a key inactive behind the engine's back.
func (m *mount) deactivate(user, id string) {
	m.t.Helper()
	root := fakeaws.Client{Endpoint: m.aws.URL(), Key: m.aws.RootKey()}
	if _, err := root.Do(m.ctx, "iam", "UpdateAccessKey", url.Values{"UserName": {user}, "AccessKeyId": {id}, "Status": {"Inactive"}}); err != nil {
		m.t.Fatal(err)
	}
}
