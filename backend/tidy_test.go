// SPDX-License-Identifier: MPL-2.0

package backend

// What tidy finds, what it deletes, and what it leaves alone.

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// orphan makes a user that is ours and of which storage knows nothing. It is old enough.
func (m *mount) orphan() (user string) {
	m.t.Helper()
	m.mustTick() // which opens the term of this process
	user = m.user(m.creds("developer-access"))
	m.age(time.Minute)
	m.mustTick() // what was made before has been answered, so storage has its record
	m.unrecorded(user)
	m.mustTick() // else the hours until the next one are a gap
	m.age(2 * time.Hour)
	return user
}

// unrecorded makes storage forget a user, behind the register's back.
func (m *mount) unrecorded(user string) {
	m.t.Helper()
	if err := m.storage.Delete(m.ctx, recordKey(user)); err != nil {
		m.t.Fatal(err)
	}
	m.start()
}

// tidy runs to its end, and returns the status.
func (m *mount) tidy(data map[string]any) map[string]any {
	m.t.Helper()
	m.warns(m.write("tidy", data), "tidy started")
	return m.tidied()
}

// tidied waits for the run under way.
func (m *mount) tidied() map[string]any {
	m.t.Helper()
	m.b.(*backend).tidy.Wait()
	return m.read("tidy/status")
}

// told checks what a status says.
func (m *mount) told(status, want map[string]any) {
	m.t.Helper()
	for key, value := range want {
		if status[key] != value {
			m.t.Errorf("%s is %v, want %v; the status is %v", key, status[key], value, status)
		}
	}
}

var deleting = map[string]any{"delete": true}

// A page has two users. Those that come first are not ours.
func TestTidyFindsAUserBeyondTheFirstPage(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin"} {
		m.aws.AddUser(name)
	}
	m.told(m.read("tidy/status"), map[string]any{"state": "idle", "time_started": nil})
	user := m.orphan()
	held := m.creds("developer-access")
	m.age(2 * time.Hour)

	status := m.tidy(nil)
	m.told(status, map[string]any{
		"state": "finished", "error": "", "delete": false, "safety_buffer": int64(3600), "scheduled": false,
		"pages": 4, "users_seen": 8, "users_recorded": 1, "users_too_young": 0, "users_examined": 7,
		"users_without_our_tags": 6, "users_of_other_mounts": 0, "found_count": 1, "deleted_count": 0, "errors_count": 0,
	})
	found := status["found"].([]map[string]any)
	if len(found) != 1 || found[0]["username"] != user || found[0]["role"] != "developer-access" || found[0]["deleted"] != false {
		t.Errorf("found %v", found)
	}
	if age := time.Since(moment(t, found[0]["created"])); age < 3*time.Hour || age > 5*time.Hour {
		t.Errorf("created %v", found[0]["created"])
	}
	m.has(user, true) // it was not asked to delete

	m.aws.Dirty(user)
	status = m.tidy(deleting)
	m.told(status, map[string]any{"state": "finished", "delete": true, "found_count": 1, "deleted_count": 1, "errors_count": 0})
	if got := status["found"].([]map[string]any); len(got) != 1 || got[0]["username"] != user || got[0]["deleted"] != true {
		t.Errorf("found %v", got)
	}
	m.has(user, false)
	m.told(m.tidy(deleting), map[string]any{"found_count": 0, "users_seen": 7})
	m.revoke(held)
}

// Each of these users is left alone by a run that deletes, for its own reason.
func TestTidyLeavesAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spare func(m *mount, user string)
		count string // where it is counted
	}{
		"another mount's": {func(m *mount, user string) {
			m.tag(user, "aws-dyn/0d4f6c1e-0000-4f3e-9d55-2a41c0e7b913")
		}, "users_of_other_mounts"},
		"one whose tag only begins like ours": {func(m *mount, user string) { m.tag(user, "aws-dyn/"+mountID+"/x") }, "users_of_other_mounts"},
		"one without tags":                    {func(m *mount, user string) { m.untag(user) }, "users_without_our_tags"},
		"one too young":                       {func(m *mount, _ string) { m.aws.Age(-90 * time.Minute) }, "users_too_young"},
		"one with a record":                   {func(m *mount, user string) { m.put(recordKey(user), &userRecord{Role: "r", Issued: time.Now()}) }, "users_recorded"},
		"one that is written down": {func(m *mount, user string) {
			if _, err := framework.PutWAL(m.ctx, m.storage, walKindUser, walUser{UserName: user}); err != nil {
				m.t.Fatal(err)
			}
		}, "users_recorded"},
		"one that a request is making": {func(m *mount, user string) {
			b := m.b.(*backend)
			client, err := b.AWS(m.ctx, m.storage)
			if err == nil {
				_, err = b.users.Making(m.storage, client, &users.Lease{Username: user, Role: "r", Created: time.Now()}, "").Begin(m.ctx, 0, 0)
			}
			if err = errors.Join(err, m.storage.Delete(m.ctx, recordKey(user))); err != nil { // so that memory alone has it
				m.t.Fatal(err)
			}
		}, "users_recorded"},
		"one that became a static role's": {func(m *mount, user string) {
			m.put(engine.PrefixStaticRole+"legacy", map[string]any{"name": "legacy", "username": strings.ToUpper(user)})
		}, "users_recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			user := m.orphan()
			c.spare(m, user)
			m.told(m.tidy(deleting), map[string]any{"state": "finished", c.count: 1 + m.rootAmong(c.count), "found_count": 0, "deleted_count": 0})
			m.has(user, true)
			m.aws.RemoveUser(user)
		})
	}
}

// rootAmong is one where the account's own user is counted as well.
func (m *mount) rootAmong(count string) int {
	if count == "users_without_our_tags" || count == "users_too_young" {
		return 1
	}
	return 0
}

// call makes a call to the fake as an administrator.
func (m *mount) call(action string, params url.Values) {
	m.t.Helper()
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: m.aws.RootKey()}
	if _, err := client.Do(m.ctx, "iam", action, params); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) tag(user, mount string) {
	m.t.Helper()
	m.call("TagUser", url.Values{"UserName": {user}, "Tags.member.1.Key": {tagMount}, "Tags.member.1.Value": {mount}})
}

func (m *mount) untag(user string) {
	m.t.Helper()
	m.call("UntagUser", url.Values{"UserName": {user}, "TagKeys.member.1": {tagMount}})
}

// The user gets a record between the list and the deletion.
func TestTidyLooksAgainBeforeItDeletes(t *testing.T) {
	t.Parallel()
	for name, speak := range map[string]func(m *mount, user string){
		"a record": func(m *mount, user string) { m.put(recordKey(user), &userRecord{Role: "r", Issued: time.Now()}) },
		"a static role": func(m *mount, user string) {
			m.put(engine.PrefixStaticRole+"legacy", map[string]any{"name": "legacy", "username": user})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			user := m.orphan()
			held := m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: user, Kind: fakeaws.HangAfter})
			m.write("tidy", deleting)
			<-held.Reached()
			speak(m, user)
			held.Release()
			m.told(m.tidied(), map[string]any{"state": "finished", "found_count": 0, "users_recorded": 1})
			m.has(user, true)
			m.aws.RemoveUser(user)
		})
	}
}

// One call at a time, whoever else calls.
func TestTidyMakesOneCallAtATime(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for i := range 20 {
		m.aws.AddUser(fmt.Sprintf("user-%d", i))
	}
	m.aws.SetLatency(2 * time.Millisecond)
	m.age(2 * time.Hour)
	m.aws.ResetCalls()
	m.told(m.tidy(nil), map[string]any{"users_examined": 21})
	calls := m.aws.Calls()
	if want := 11 + 21; len(calls) != want {
		t.Errorf("%d calls, want %d", len(calls), want)
	}
	for i, call := range calls[1:] {
		if call.Start.Before(calls[i].End) {
			t.Errorf("%s began before %s had ended", call.Action, calls[i].Action)
		}
	}
}

// Tidy goes by tags. Where there are none it says so.
func TestTidyWithoutTags(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.write("config/users", map[string]any{"ownership_tags": false})
	m.warns(m.write("tidy", nil), "ownership_tags is off")
	m.tidied()
	m.warns(m.do(logical.ReadOperation, "tidy/status", nil), "ownership_tags is off")
	m.warns(m.write("config/auto-tidy", map[string]any{"enabled": true}), "ownership_tags is off")
	m.write("config/users", map[string]any{"ownership_tags": true})

	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1})
	m.revoke(m.creds("developer-access"))
	m.warns(m.do(logical.ReadOperation, "tidy/status", nil), "allow iam:TagUser")

	m.b.(*backend).ID = ""
	for _, path := range []string{"tidy", "config/auto-tidy"} {
		if text := m.refused(logical.UpdateOperation, path, map[string]any{"enabled": true}); !strings.Contains(text, "gives the mount no identity") {
			t.Errorf("%s: refused with %s", path, text)
		}
	}
}
