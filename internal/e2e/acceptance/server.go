// SPDX-License-Identifier: MPL-2.0

package main

// A Vault of the run's own, on loopback, with its storage in memory.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	pluginName = "vault-plugin-secrets-aws-dyn"
	mount      = "acceptance"
)

// server is the Vault.
type server struct {
	dir     string
	process *exec.Cmd
	exited  chan struct{}
	client  *api.Client
}

// startVault starts a Vault with the plugin mounted. Nothing of the caller's AWS settings reaches it.
func startVault(ctx context.Context, s settings) (*server, error) {
	dir, err := os.MkdirTemp("", "aws-dyn-acceptance-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for Vault: %w", err)
	}
	v := &server{dir: dir, exited: make(chan struct{})}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // Vault wants it so
		v.stop()
		return nil, fmt.Errorf("finding the directory for Vault: %w", err)
	}
	if err := v.start(ctx, s, dir); err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

func (v *server) start(ctx context.Context, s settings, dir string) error {
	plugin, err := os.ReadFile(s.plugin)
	if err != nil {
		return fmt.Errorf("reading the plugin: %w", err)
	}
	file, config := filepath.Join(dir, pluginName), filepath.Join(dir, "vault.hcl")
	err = errors.Join(os.WriteFile(file, plugin, 0o700), //nolint:gosec // a program
		os.WriteFile(config, fmt.Appendf(nil, "plugin_directory = %q\ndisable_mlock = true\n", dir), 0o600))
	if err != nil {
		return fmt.Errorf("writing Vault's files: %w", err)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	token := rand.Text()
	v.process = exec.Command(s.vault, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id="+token, "-dev-listen-address="+address, "-config="+config) //nolint:gosec,noctx // it ends in stop
	v.process.Env = append(withoutAWS(os.Environ()), "HOME="+dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	v.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this program, which revokes first
	if err := v.process.Start(); err != nil {
		v.process = nil
		return fmt.Errorf("starting Vault: %w", err)
	}
	go func() {
		_ = v.process.Wait() // who ends it knows
		close(v.exited)
	}()
	client, err := api.NewClient(&api.Config{Address: "http://" + address, Timeout: 2 * time.Minute, DisableRedirects: true})
	if err != nil {
		return fmt.Errorf("making a client of Vault: %w", err)
	}
	client.SetToken(token)
	client.SetMaxRetries(0)
	v.client = client
	if err := v.ready(ctx); err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(plugin))
	if _, err := v.write(ctx, "sys/plugins/catalog/secret/aws", map[string]any{"sha256": sum, "command": pluginName}); err != nil {
		return err
	}
	_, err = v.write(ctx, "sys/mounts/"+mount, map[string]any{"type": "aws"})
	return err
}

// ready waits until Vault answers.
func (v *server) ready(ctx context.Context) error {
	for range 600 {
		health, err := v.client.Sys().HealthWithContext(ctx)
		if err == nil && health.Initialized && !health.Sealed {
			return nil
		}
		select {
		case <-v.exited:
			return errors.New("Vault ended by itself") //nolint:staticcheck // its name
		default:
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("Vault did not start within a minute") //nolint:staticcheck // its name
}

// withoutAWS leaves out what would give the plugin another identity, or Vault's command line another server.
func withoutAWS(all []string) (env []string) {
	for _, pair := range all {
		name, _, _ := strings.Cut(pair, "=")
		if name == "AWS_CA_BUNDLE" || !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "VAULT_") && !strings.HasPrefix(name, "BAO_") {
			env = append(env, pair)
		}
	}
	return env
}

// freeAddress finds a port whose successor is free, too: Vault takes both.
func freeAddress(ctx context.Context) (string, error) {
	for range 100 {
		first, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("finding a port: %w", err)
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = first.Close()
		if err == nil {
			_ = second.Close()
			return first.Addr().String(), nil
		}
	}
	return "", errors.New("found no two neighbouring free ports")
}

// write writes to a path, and gives back the answer, which may be nil.
func (v *server) write(ctx context.Context, path string, data map[string]any) (*api.Secret, error) {
	answer, err := v.client.Logical().WriteWithContext(ctx, path, data)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return answer, nil
}

// read reads a path of the mount, which has to be there.
func (v *server) read(ctx context.Context, path string) (*api.Secret, error) {
	answer, err := v.client.Logical().ReadWithContext(ctx, mount+"/"+path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if answer == nil {
		return nil, fmt.Errorf("%s is not there", path)
	}
	return answer, nil
}

// end revokes all leases, whatever the walk came to.
func (v *server) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := v.write(ctx, "sys/leases/revoke-prefix/"+mount, map[string]any{"sync": true}); err != nil {
		return fmt.Errorf("revoking all leases: %w", err)
	}
	return nil
}

// stop ends Vault and the plugin, and removes their files.
func (v *server) stop() {
	if v.process != nil {
		_ = v.process.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-v.exited:
		case <-time.After(20 * time.Second):
			_ = v.process.Process.Kill() // it may have ended
			<-v.exited
		}
	}
	_ = os.RemoveAll(v.dir) // what is left is in the system's temporary directory
}
