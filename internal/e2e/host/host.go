// SPDX-License-Identifier: MPL-2.0

// Package host plays a server that is not Vault: it runs a plugin. Of the services that plugins may ask their server for, it offers
// those that OpenBao offers, and those that a test adds. Events, observations, rotation jobs and identity tokens are otherwise answered
// with Unimplemented. services.go answers the plugin, and again.go restarts it.
package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/vault/sdk/helper/pluginutil"
	"github.com/hashicorp/vault/sdk/logical"
	vault "github.com/hashicorp/vault/sdk/plugin"
	"github.com/hashicorp/vault/sdk/plugin/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Host is a server that is not Vault, with one mount.
type Host struct {
	T       *testing.T
	Ctx     context.Context
	Plugin  pb.BackendClient
	storage logical.InmemStorage
	Said    LoggedLines
	served  served
	mounts  int

	mu      sync.Mutex
	lacking []string // the methods that the plugin asked for in vain
}

// LoggedLines is a log that can be read while it is written.
type LoggedLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to it.
func (l *LoggedLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Complaints are the lines at level warn and above.
func (l *LoggedLines) Complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(strings.Split(l.text.String(), "\n"), func(line string) bool {
		return !strings.Contains(line, `"@level":"warn"`) && !strings.Contains(line, `"@level":"error"`)
	})
}

// Has reports whether any line holds a text.
func (l *LoggedLines) Has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// Start starts a plugin and mounts it. more adds services to what the server has.
func Start(t *testing.T, program, sha256sum string, more ...func(*grpc.Server)) *Host {
	t.Helper()
	// Servers say with every call which of a process's mounts it is for.
	h := &Host{T: t, Ctx: metadata.AppendToOutgoingContext(t.Context(), pluginutil.MultiplexingCtxKey, "mount-1")}
	sum, err := hex.DecodeString(sha256sum)
	if err != nil {
		t.Fatalf("reading the plugin's sha256: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "VAULT_VERSION=2.4.0", "VAULT_PLUGIN_AUTOMTLS_ENABLED=true", "VAULT_PLUGIN_METADATA_MODE=false")
	dialer := &dialer{}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  vault.HandshakeConfig,
		VersionedPlugins: map[int]plugin.PluginSet{5: {"backend": dialer}},
		Cmd:              cmd,
		SecureConfig:     &plugin.SecureConfig{Checksum: sum, Hash: sha256.New()},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &h.Said, JSONFormat: true}),
	})
	t.Cleanup(client.Kill)
	protocol, err := client.Client()
	if err != nil {
		t.Fatalf("starting the plugin: %v", err)
	}
	if _, err := protocol.Dispense("backend"); err != nil {
		t.Fatalf("dispensing the backend: %v", err)
	}
	h.Plugin = pb.NewBackendClient(dialer.conn)
	h.served = served{dialer.broker, more}
	h.setUp()
	return h
}

// dialer gives the connection to the plugin, where the SDK's own would give a client that serves all that Vault has.
type dialer struct {
	plugin.NetRPCUnsupportedPlugin
	broker *plugin.GRPCBroker
	conn   *grpc.ClientConn
}

// GRPCServer is for the plugin's side.
func (d *dialer) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

// GRPCClient keeps the connection.
func (d *dialer) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	d.broker, d.conn = broker, conn
	return d, nil
}

// setUp serves what the server has, and mounts the plugin on it.
func (h *Host) setUp() {
	h.T.Helper()
	id := h.served.broker.NextId()
	go h.served.broker.AcceptAndServe(id, func(opts []grpc.ServerOption) *grpc.Server {
		server := grpc.NewServer(append(opts, grpc.UnaryInterceptor(h.watch), grpc.UnknownServiceHandler(h.refuse))...)
		pb.RegisterStorageServer(server, &hostStorage{storage: &h.storage})
		pb.RegisterSystemViewServer(server, &hostSystem{})
		for _, register := range h.served.more {
			register(server)
		}
		return server
	})
	reply, err := h.Plugin.Setup(h.Ctx, &pb.SetupArgs{BrokerID: id, Config: map[string]string{"plugin_name": "aws"}, BackendUUID: "mount-1"})
	if err != nil || reply.Err != "" {
		h.T.Fatalf("setting the plugin up: %v %s", err, reply.GetErr())
	}
	if initialized, err := h.Plugin.Initialize(h.Ctx, &pb.InitializeArgs{}); err != nil || initialized.Err != nil {
		h.T.Fatalf("initializing the plugin: %v %v", err, initialized.GetErr())
	}
}

// watch notes what the plugin asks for in vain.
func (h *Host) watch(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	reply, err := handler(ctx, req)
	if status.Code(err) == codes.Unimplemented {
		h.note(info.FullMethod)
	}
	return reply, err
}

// refuse answers for the services that the server does not have at all.
func (h *Host) refuse(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	h.note(method)
	return status.Error(codes.Unimplemented, "unknown service "+method)
}

func (h *Host) note(method string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lacking = append(h.lacking, method)
}

// InVain lists what the plugin asked for and did not get.
func (h *Host) InVain() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lacking)
}

// Do sends a request, which must succeed.
func (h *Host) Do(req *logical.Request) *logical.Response {
	h.T.Helper()
	resp, err := h.Ask(req)
	if err != nil || resp.IsError() {
		h.T.Fatalf("%s %s: %v %v", req.Operation, req.Path, err, resp)
	}
	return resp
}

// Ask sends a request as Vault and OpenBao do: through the form that goes over the wire.
func (h *Host) Ask(req *logical.Request) (*logical.Response, error) {
	h.T.Helper()
	req.MountPoint, req.MountType, req.DisplayName = "aws/", "aws", "token"
	sent, err := pb.LogicalRequestToProtoRequest(req)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	ctx, cancel := context.WithTimeout(h.Ctx, time.Minute)
	defer cancel()
	reply, err := h.Plugin.HandleRequest(ctx, &pb.HandleRequestArgs{Request: sent})
	if err != nil {
		return nil, fmt.Errorf("calling the plugin: %w", err)
	}
	resp, err := pb.ProtoResponseToLogicalResponse(reply.Response)
	if err != nil {
		return nil, fmt.Errorf("decoding the response: %w", err)
	}
	return resp, pb.ProtoErrToErr(reply.Err)
}
