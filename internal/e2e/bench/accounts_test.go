// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file compares how many AWS accounts are served: by one mount whose roles name an assume_role_arn, and by a mount of
// the built-in engine for each, with a key of its own. Without Enterprise the built-in has no other way: its role_arn at
// config/root needs an identity token of Vault's.

const (
	manyAccounts   = 200
	accountClients = 64
	accountLatency = 20 * time.Millisecond
)

const accountsBegin = "<!-- What follows is measured with many accounts: UPDATE_DOCS=1 make bench -->\n"

// accountsResult is what one engine needs for all accounts.
type accountsResult struct {
	engine             string
	mounts, requests   int
	setUp              time.Duration
	plugin, vault      int64           // bytes of memory at most, after a restart and a credential of each account
	unsealed           time.Duration   // from the unseal to a server that is active
	waits              []time.Duration // from the unseal to the first credential of each account, the shortest first
	keys, assumedRoles int             // stored keys of AWS; sessions made after the restart
}

// BenchmarkManyAccounts prints what 200 accounts take, on raft, and writes it into docs/performance.md with UPDATE_DOCS=1.
func BenchmarkManyAccounts(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	aws := fakeaws.New(b, fakeaws.WithPageSize(100))
	accounts := map[string]fakeaws.Key{}
	for i := range manyAccounts {
		id := fmt.Sprintf("%012d", 300000000000+i)
		aws.Account(id).SetTrust("hub", "123456789012")
		accounts[id] = aws.Account(id).AddUser("vault")
	}
	root := aws.RootKey()
	results := []accountsResult{
		measureAccounts(b, aws, func(v *server.Server) *benchEngine {
			v.Register("aws-dyn")
			return &benchEngine{name: "ours", v: v, aws: aws, kind: "aws-dyn", command: programs.PluginName}
		}, func(s *accountSetUp) {
			s.enable("accounts", root)
			for id := range accounts {
				s.role("accounts", id, map[string]any{"assume_role_arn": "arn:aws:iam::" + id + ":role/hub"})
			}
		}),
		measureAccounts(b, aws, func(v *server.Server) *benchEngine {
			return &benchEngine{name: "built-in as a plugin", v: v, aws: aws, kind: "aws", command: v.RegisterPeer("aws").Command}
		}, func(s *accountSetUp) {
			for id, key := range accounts {
				s.enable("account-"+id, key)
				s.role("account-"+id, id, nil)
			}
		}),
	}
	text := textOfAccounts(results)
	fmt.Println(text)
	writePerformance(b, accountsBegin, text)
}

// accountSetUp mounts an engine as often as it takes, and counts what that takes.
type accountSetUp struct {
	*benchEngine
	mounts, requests int
	creds            []string // a path for each account
}

// enable mounts the engine with a key.
func (s *accountSetUp) enable(mount string, key fakeaws.Key) {
	s.v.Call(http.MethodPost, "sys/mounts/"+mount, map[string]any{"type": s.kind})
	s.v.Call(http.MethodPost, mount+"/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": s.aws.URL(), "sts_endpoint": s.aws.URL(),
	})
	s.mounts, s.requests = s.mounts+1, s.requests+2
}

// role writes the role for an account.
func (s *accountSetUp) role(mount, id string, more map[string]any) {
	role := map[string]any{"credential_type": "iam_user", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
	for name, value := range more {
		role[name] = value
	}
	s.v.Call(http.MethodPost, mount+"/roles/of-"+id, role)
	s.requests++
	s.creds = append(s.creds, mount+"/creds/of-"+id)
}

// measureAccounts sets an engine up in a server of its own, starts that again, and asks for a credential of each account.
func measureAccounts(b *testing.B, aws *fakeaws.Server, register func(*server.Server) *benchEngine, setUp func(*accountSetUp)) accountsResult {
	b.Helper()
	aws.SetLatency(0)
	v := server.StartRaft(b, "VAULT_LOG_LEVEL=info")
	s := &accountSetUp{benchEngine: register(v)}
	s.client = newBenchClient()
	began := time.Now()
	setUp(s)
	r := accountsResult{engine: s.name, mounts: s.mounts, requests: s.requests, setUp: time.Since(began), keys: s.mounts}
	slices.Sort(s.creds)
	s.askAll(began) // from here on storage has what a mount in use has
	end(v)
	aws.SetLatency(accountLatency)
	aws.ResetCalls()
	v.Start()
	v.WaitForStatus(http.StatusServiceUnavailable)
	began = time.Now()
	v.UnsealNow()
	r.unsealed = time.Since(began)
	r.waits = s.askAll(began)
	for _, pid := range s.processes() {
		r.plugin += peakMemory(b, pid)
	}
	r.vault = peakMemory(b, v.Process.Pid)
	for _, call := range aws.Calls() {
		if call.Action == "AssumeRole" {
			r.assumedRoles++
		}
	}
	for _, path := range s.creds {
		v.Call(http.MethodPut, "sys/leases/revoke-prefix/"+path, map[string]any{"sync": true})
	}
	end(v)
	return r
}

// end has the server end by itself, and with it its plugins, whoever's they are.
func end(v *server.Server) {
	v.T.Helper()
	if err := v.Process.Signal(syscall.SIGTERM); err != nil {
		v.T.Fatalf("ending Vault: %v", err)
	}
	<-v.Exited
}

// askAll has all clients ask for a credential of each account once, and says when each came, the first one first.
func (s *accountSetUp) askAll(began time.Time) (waits []time.Duration) {
	s.v.T.Helper()
	next := make(chan string, len(s.creds))
	for _, path := range s.creds {
		next <- path
	}
	var mu sync.Mutex
	_, err := allAtOnce(accountClients, soOften(len(s.creds)), func() error {
		err := s.ask(http.MethodGet, <-next, nil, nil)
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, time.Since(began))
		return err
	})
	if err != nil {
		s.v.T.Fatal(err)
	}
	slices.Sort(waits)
	return waits
}

// textOfAccounts is what is printed.
func textOfAccounts(results []accountsResult) string {
	head := []string{
		"engine", "mounts", "keys stored", "requests to set up", "set up in", "memory of the plugin", "of Vault", "unseal", "first credential", "of half of the accounts", "of all", "AssumeRole",
	}
	rows := [][]string{head}
	for i, r := range results {
		ours := results[0]
		rows = append(rows, []string{
			r.engine, fmt.Sprint(r.mounts), fmt.Sprint(r.keys), fmt.Sprint(r.requests), inSeconds(r.setUp),
			inMegabytes(r.plugin) + shareOf(i, r.plugin, ours.plugin), inMegabytes(r.vault) + shareOf(i, r.vault, ours.vault),
			inSeconds(r.unsealed), inSeconds(r.waits[0]), inSeconds(quantile(r.waits, 0.5)), inSeconds(r.waits[len(r.waits)-1]), fmt.Sprint(r.assumedRoles),
		})
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d accounts, %d clients, %d ms for each call to AWS:\n\n%s", manyAccounts, accountClients, accountLatency.Milliseconds(), lineUp(rows))
	return out.String()
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
