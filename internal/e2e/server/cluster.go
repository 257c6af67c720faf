// SPDX-License-Identifier: MPL-2.0

package server

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

// Cluster is three Vault servers that share their storage.
type Cluster struct {
	T     *testing.T
	Nodes []*Server
	turn  atomic.Int64 // of the server that a client asks next
}

// ElectionTime bounds how long a new leader takes: seconds on a quiet machine.
const ElectionTime = 90 * time.Second

// StartCluster starts the servers and waits until each has a vote.
func StartCluster(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{T: t}
	for i := range 3 {
		v := newServer(t, nil)
		more := "  performance_multiplier = 1\n" // elections take a second or two, not ten
		if i > 0 {
			more += fmt.Sprintf("  retry_join {\n    leader_api_addr = %q\n  }\n", c.Nodes[0].Address())
		}
		v.configureRaft(fmt.Sprintf("node-%d", i+1), more)
		c.Nodes = append(c.Nodes, v)
	}
	first := c.Nodes[0]
	first.Start()
	first.initialize()
	first.UnsealNow()
	// A new server has no vote before it has been well for so long.
	first.Call(http.MethodPost, "sys/storage/raft/autopilot/configuration", map[string]any{"server_stabilization_time": "1s"})
	for _, v := range c.Nodes[1:] {
		v.unseal, v.Token = first.unseal, first.Token
		v.Start()
	}
	for _, v := range c.Nodes[1:] {
		c.unseal(v)
	}
	WaitFor(t, ElectionTime, "three servers with a vote each", func() bool { return c.voters() == len(c.Nodes) })
	return c
}

// unseal gives a server its key, once: one that has not joined yet keeps it until it has.
func (c *Cluster) unseal(v *Server) {
	c.T.Helper()
	for _, step := range []struct{ method, path string }{{http.MethodPut, "sys/unseal"}, {http.MethodGet, "sys/seal-status"}} {
		WaitFor(c.T, ElectionTime, "a server of the cluster to be unsealed", func() bool {
			if Closed(v.Exited) {
				c.T.Fatal("Vault ended by itself")
			}
			a, err := v.Request(step.method, step.path, map[string]any{"key": v.unseal})
			return err == nil && a.Status == http.StatusOK && (step.method == http.MethodPut || a.Body["sealed"] == false)
		})
	}
}

func (c *Cluster) voters() (n int) {
	a, err := c.Nodes[0].Request(http.MethodGet, "sys/storage/raft/configuration", nil)
	if err != nil {
		return 0
	}
	config, _ := a.Data("config").(map[string]any)
	servers, _ := config["servers"].([]any)
	for _, s := range servers {
		if one, _ := s.(map[string]any); one["voter"] == true {
			n++
		}
	}
	return n
}

// Leader is the server that says it is active and that another one takes for active too; nil while there is none. A
// leader that was paused says so for a moment, but nobody else does.
func (c *Cluster) Leader() *Server {
	says := make([]Answer, len(c.Nodes))
	var asked sync.WaitGroup
	for i, v := range c.Nodes {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(c.T.Context(), 2*time.Second)
			defer cancel()
			says[i], _ = v.RequestWithin(ctx, http.MethodGet, "sys/leader", nil) // none says nothing
		})
	}
	asked.Wait()
	votes := map[any]int{}
	for _, a := range says {
		votes[a.Body["leader_address"]]++
	}
	for i, v := range c.Nodes {
		if says[i].Body["is_self"] == true && votes[v.Address()] > len(c.Nodes)/2 {
			return v
		}
	}
	return nil
}

// Active waits for a leader that is unlike another.
func (c *Cluster) Active(unlike *Server) (v *Server) {
	c.T.Helper()
	WaitFor(c.T, ElectionTime, "a leader of the cluster", func() bool {
		v = c.Leader()
		return v != nil && v != unlike
	})
	return v
}

// Agreed waits until all servers know the same leader, and each is it or a standby.
func (c *Cluster) Agreed() {
	c.T.Helper()
	WaitFor(c.T, ElectionTime, "all servers of the cluster to agree on their leader", func() bool {
		v := c.Leader()
		if v == nil {
			return false
		}
		for _, other := range c.Nodes {
			ctx, cancel := context.WithTimeout(c.T.Context(), 2*time.Second)
			a, err := other.RequestWithin(ctx, http.MethodGet, "sys/leader", nil)
			cancel()
			if err != nil || a.Body["leader_address"] != v.Address() || (a.Body["is_self"] == true) != (other == v) {
				return false
			}
		}
		return true
	})
}

// Do does something with the leader. Where that fails, or the leader changed meanwhile, it is done again.
func (c *Cluster) Do(what string, work func(v *Server) error) {
	c.T.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(ElectionTime); ; <-tick.C {
		v := c.Active(nil)
		err := work(v)
		if err == nil && c.Leader() == v {
			return
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("%s: %v", what, err)
		}
	}
}

// clientPatience is how long a client waits for an answer.
const clientPatience = 5 * time.Second

// Ask asks the servers in turn, whatever each of them is.
func (c *Cluster) Ask(ctx context.Context, method, path string, body any) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	return c.Nodes[int(c.turn.Add(1))%len(c.Nodes)].RequestWithin(ctx, method, path, body)
}

// Restart starts a server that was killed again.
func (c *Cluster) Restart(v *Server) {
	c.T.Helper()
	v.Start()
	c.unseal(v)
	c.Agreed()
}

// KillAlone kills Vault and leaves its plugins, which hear nothing of it, until the end of the test.
func (v *Server) KillAlone() {
	v.T.Helper()
	orphans := v.Plugins()
	v.T.Cleanup(func() {
		for _, pid := range orphans {
			if Runs(pid) {
				KillProcess(v.T, pid)
			}
		}
	})
	if err := v.Process.Kill(); err != nil {
		v.T.Fatalf("killing Vault: %v", err)
	}
	<-v.Exited
}

// Pause stops Vault and its plugins where they stand, until the returned function has them go on.
func (v *Server) Pause() (goOn func()) {
	v.T.Helper()
	v.signal(syscall.SIGSTOP, v.Process.Pid)
	plugins := v.Plugins()
	v.signal(syscall.SIGSTOP, plugins...)
	goOn = sync.OnceFunc(func() { v.signal(syscall.SIGCONT, append(plugins, v.Process.Pid)...) })
	v.T.Cleanup(goOn) // a process that is stopped does not hear that it shall end
	return goOn
}

func (v *Server) signal(s syscall.Signal, pids ...int) {
	v.T.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			v.T.Errorf("sending process %d the signal %s: %v", pid, s, err)
		}
	}
}
