// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// This file runs three Vault servers that share their storage by raft. One is active; the others forward to it, and one
// of them takes over when it is gone.

// cluster is three such servers.
type cluster struct {
	t     *testing.T
	nodes []*server
	turn  atomic.Int64 // of the server that a client asks next
}

// electionTime bounds how long a new leader takes: seconds on a quiet machine.
const electionTime = 90 * time.Second

// startCluster starts the servers and waits until each has a vote.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for i := range 3 {
		v := newServer(t, nil)
		more := "  performance_multiplier = 1\n" // elections take a second or two, not ten
		if i > 0 {
			more += fmt.Sprintf("  retry_join {\n    leader_api_addr = %q\n  }\n", c.nodes[0].address())
		}
		v.configureRaft(fmt.Sprintf("node-%d", i+1), more)
		c.nodes = append(c.nodes, v)
	}
	first := c.nodes[0]
	first.start()
	first.initialize()
	first.unsealNow()
	// A new server has no vote before it has been well for so long.
	first.call(http.MethodPost, "sys/storage/raft/autopilot/configuration", map[string]any{"server_stabilization_time": "1s"})
	for _, v := range c.nodes[1:] {
		v.unseal, v.token = first.unseal, first.token
		v.start()
	}
	for _, v := range c.nodes[1:] {
		c.unseal(v)
	}
	waitFor(t, electionTime, "three servers with a vote each", func() bool { return c.voters() == len(c.nodes) })
	return c
}

// unseal gives a server its key, once: one that has not joined yet keeps it until it has.
func (c *cluster) unseal(v *server) {
	c.t.Helper()
	for _, step := range []struct{ method, path string }{{http.MethodPut, "sys/unseal"}, {http.MethodGet, "sys/seal-status"}} {
		waitFor(c.t, electionTime, "a server of the cluster to be unsealed", func() bool {
			if closed(v.exited) {
				c.t.Fatal("Vault ended by itself")
			}
			a, err := v.request(step.method, step.path, map[string]any{"key": v.unseal})
			return err == nil && a.status == http.StatusOK && (step.method == http.MethodPut || a.body["sealed"] == false)
		})
	}
}

func (c *cluster) voters() (n int) {
	a, err := c.nodes[0].request(http.MethodGet, "sys/storage/raft/configuration", nil)
	if err != nil {
		return 0
	}
	config, _ := a.data("config").(map[string]any)
	servers, _ := config["servers"].([]any)
	for _, s := range servers {
		if one, _ := s.(map[string]any); one["voter"] == true {
			n++
		}
	}
	return n
}

// leader is the server that says it is active and that another one takes for active too; nil while there is none. A
// leader that was paused says so for a moment, but nobody else does.
func (c *cluster) leader() *server {
	says := make([]answer, len(c.nodes))
	var asked sync.WaitGroup
	for i, v := range c.nodes {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
			defer cancel()
			says[i], _ = v.requestWithin(ctx, http.MethodGet, "sys/leader", nil) // none says nothing
		})
	}
	asked.Wait()
	votes := map[any]int{}
	for _, a := range says {
		votes[a.body["leader_address"]]++
	}
	for i, v := range c.nodes {
		if says[i].body["is_self"] == true && votes[v.address()] > len(c.nodes)/2 {
			return v
		}
	}
	return nil
}

// active waits for a leader that is unlike another.
func (c *cluster) active(unlike *server) (v *server) {
	c.t.Helper()
	waitFor(c.t, electionTime, "a leader of the cluster", func() bool {
		v = c.leader()
		return v != nil && v != unlike
	})
	return v
}

// agreed waits until all servers know the same leader, and each is it or a standby.
func (c *cluster) agreed() {
	c.t.Helper()
	waitFor(c.t, electionTime, "all servers of the cluster to agree on their leader", func() bool {
		v := c.leader()
		if v == nil {
			return false
		}
		for _, other := range c.nodes {
			ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
			a, err := other.requestWithin(ctx, http.MethodGet, "sys/leader", nil)
			cancel()
			if err != nil || a.body["leader_address"] != v.address() || (a.body["is_self"] == true) != (other == v) {
				return false
			}
		}
		return true
	})
}

// do does something with the leader. Where that fails, or the leader changed meanwhile, it is done again.
func (c *cluster) do(what string, work func(v *server) error) {
	c.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(electionTime); ; <-tick.C {
		v := c.active(nil)
		err := work(v)
		if err == nil && c.leader() == v {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %v", what, err)
		}
	}
}

// clientPatience is how long a client waits for an answer.
const clientPatience = 5 * time.Second

// ask asks the servers in turn, whatever each of them is.
func (c *cluster) ask(ctx context.Context, method, path string, body any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	return c.nodes[int(c.turn.Add(1))%len(c.nodes)].requestWithin(ctx, method, path, body)
}

// restart starts a server that was killed again.
func (c *cluster) restart(v *server) {
	c.t.Helper()
	v.start()
	c.unseal(v)
	c.agreed()
}

// killAlone kills Vault and leaves its plugins, which hear nothing of it, until the end of the test.
func (v *server) killAlone() {
	v.t.Helper()
	orphans := v.plugins()
	v.t.Cleanup(func() {
		for _, pid := range orphans {
			if runs(pid) {
				killProcess(v.t, pid)
			}
		}
	})
	if err := v.process.Kill(); err != nil {
		v.t.Fatalf("killing Vault: %v", err)
	}
	<-v.exited
}

// pause stops Vault and its plugins where they stand, until the returned function has them go on.
func (v *server) pause() (goOn func()) {
	v.t.Helper()
	v.signal(syscall.SIGSTOP, v.process.Pid)
	plugins := v.plugins()
	v.signal(syscall.SIGSTOP, plugins...)
	goOn = sync.OnceFunc(func() { v.signal(syscall.SIGCONT, append(plugins, v.process.Pid)...) })
	v.t.Cleanup(goOn) // a process that is stopped does not hear that it shall end
	return goOn
}

func (v *server) signal(s syscall.Signal, pids ...int) {
	v.t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			v.t.Errorf("sending process %d the signal %s: %v", pid, s, err)
		}
	}
}
