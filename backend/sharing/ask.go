// SPDX-License-Identifier: MPL-2.0

package sharing

import (
	"crypto/sha256"
	"encoding/json"
)

// Ask is who asks, and for what. What is not the same in all of it is never shared.
type Ask struct {
	Entity   string // the caller's, by Vault's identity
	Accessor string // of the caller's token, which counts where there is no entity
	Path     string // where it asks, such as "creds"
	Role     string // the name of the role
	Says     any    // what the role says, with the caller's values in the place of templates
	Request  any    // what else the request says
}

// Key stands for all that is asked in the same way, and for who asks. Nothing of it can be read from the key.
type Key struct {
	caller, ask [sha256.Size]byte
}

// Key returns the key of an ask; ok is false where nothing tells who asks.
func (a Ask) Key() (key Key, ok bool) {
	if a.Entity != "" {
		a.Accessor = "" // any token of the entity
	}
	if a.Entity == "" && a.Accessor == "" {
		return key, false
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return key, false
	}
	caller := sha256.Sum256([]byte(a.Entity + "\n" + a.Accessor)) // one of them is empty
	return Key{caller, sha256.Sum256(raw)}, true
}
