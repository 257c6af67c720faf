// SPDX-License-Identifier: MPL-2.0

package host

// A server that begins again with the storage that it has, some time later.

import (
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/vault/sdk/helper/pluginutil"
	"github.com/hashicorp/vault/sdk/logical"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// served is what a mount of the plugin needs of its server.
type served struct {
	broker *plugin.GRPCBroker
	more   []func(*grpc.Server)
}

// Again mounts the plugin anew on the same storage, as after a restart; the mount before answers nobody any more.
func (h *Host) Again() {
	h.T.Helper()
	h.mounts++
	h.Ctx = metadata.AppendToOutgoingContext(h.T.Context(), pluginutil.MultiplexingCtxKey, "mount-"+strings.Repeat("again-", h.mounts)+"1")
	h.setUp()
}

// moment is a time as the plugin stores it.
var moment = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

// Older makes all times in storage below a prefix d older: what it looks like after that time, while the clocks stand still.
// Again has to follow, since the plugin remembers some.
func (h *Host) Older(d time.Duration, prefix string) {
	h.T.Helper()
	h.each(func(entry *logical.StorageEntry) bool {
		if !strings.HasPrefix(entry.Key, prefix) {
			return true
		}
		entry.Value = moment.ReplaceAllFunc(entry.Value, func(text []byte) []byte {
			at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(text))
			if err != nil || at.IsZero() {
				return text
			}
			return []byte(at.Add(-d).Format(`"` + time.RFC3339Nano + `"`))
		})
		return true
	})
}

// Lose deletes the entries of storage whose keys hold a text, behind the plugin's back.
func (h *Host) Lose(text string) {
	h.T.Helper()
	h.each(func(entry *logical.StorageEntry) bool { return !strings.Contains(entry.Key, text) })
}

// each changes all of storage; what is not kept is deleted.
func (h *Host) each(keep func(*logical.StorageEntry) bool) {
	h.T.Helper()
	keys, err := logical.CollectKeys(h.Ctx, &h.storage)
	for _, key := range keys {
		entry, other := h.storage.Get(h.Ctx, key)
		if err = other; err != nil {
			break
		}
		if keep(entry) {
			err = h.storage.Put(h.Ctx, entry)
		} else {
			err = h.storage.Delete(h.Ctx, key)
		}
	}
	if err != nil {
		h.T.Fatalf("changing storage: %v", err)
	}
}
