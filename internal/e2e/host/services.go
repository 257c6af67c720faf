// SPDX-License-Identifier: MPL-2.0

package host

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin/pb"
)

// This file is what the host of host.go has for its plugin. What is not here, the embedded types answer
// Unimplemented.

// hostStorage is the mount's storage.
type hostStorage struct {
	pb.UnimplementedStorageServer
	storage logical.Storage
}

// List lists the keys below a prefix.
func (s *hostStorage) List(ctx context.Context, args *pb.StorageListArgs) (*pb.StorageListReply, error) {
	keys, err := s.storage.List(ctx, args.Prefix)
	return &pb.StorageListReply{Keys: keys, Err: pb.ErrToString(err)}, nil
}

// Get reads an entry; none is no error.
func (s *hostStorage) Get(ctx context.Context, args *pb.StorageGetArgs) (*pb.StorageGetReply, error) {
	entry, err := s.storage.Get(ctx, args.Key)
	reply := &pb.StorageGetReply{Err: pb.ErrToString(err)}
	if entry != nil {
		reply.Entry = &pb.StorageEntry{Key: entry.Key, Value: entry.Value, SealWrap: entry.SealWrap}
	}
	return reply, nil
}

// Put writes an entry.
func (s *hostStorage) Put(ctx context.Context, args *pb.StoragePutArgs) (*pb.StoragePutReply, error) {
	err := s.storage.Put(ctx, &logical.StorageEntry{Key: args.Entry.Key, Value: args.Entry.Value, SealWrap: args.Entry.SealWrap})
	return &pb.StoragePutReply{Err: pb.ErrToString(err)}, nil
}

// Delete deletes an entry.
func (s *hostStorage) Delete(ctx context.Context, args *pb.StorageDeleteArgs) (*pb.StorageDeleteReply, error) {
	return &pb.StorageDeleteReply{Err: pb.ErrToString(s.storage.Delete(ctx, args.Key))}, nil
}

// hostSystem is the server as its plugins see it.
type hostSystem struct {
	pb.UnimplementedSystemViewServer
}

// DefaultLeaseTTL is Vault's own.
func (*hostSystem) DefaultLeaseTTL(context.Context, *pb.Empty) (*pb.TTLReply, error) {
	return &pb.TTLReply{TTL: int64(768 * time.Hour)}, nil
}

// MaxLeaseTTL is Vault's own.
func (*hostSystem) MaxLeaseTTL(context.Context, *pb.Empty) (*pb.TTLReply, error) {
	return &pb.TTLReply{TTL: int64(768 * time.Hour)}, nil
}

// ReplicationState is that of a server that has no other.
func (*hostSystem) ReplicationState(context.Context, *pb.Empty) (*pb.ReplicationStateReply, error) {
	return &pb.ReplicationStateReply{}, nil
}

// LocalMount says that the mount is replicated.
func (*hostSystem) LocalMount(context.Context, *pb.Empty) (*pb.LocalMountReply, error) {
	return &pb.LocalMountReply{}, nil
}

// Tainted says that the mount stays.
func (*hostSystem) Tainted(context.Context, *pb.Empty) (*pb.TaintedReply, error) {
	return &pb.TaintedReply{}, nil
}

// CachingDisabled says that it is not.
func (*hostSystem) CachingDisabled(context.Context, *pb.Empty) (*pb.CachingDisabledReply, error) {
	return &pb.CachingDisabledReply{}, nil
}

// PluginEnv tells the server's version.
func (*hostSystem) PluginEnv(context.Context, *pb.Empty) (*pb.PluginEnvReply, error) {
	return &pb.PluginEnvReply{PluginEnvironment: &logical.PluginEnvironment{VaultVersion: "2.4.0"}}, nil
}
