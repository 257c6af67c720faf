// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (k *Keeper) pathGap() *framework.Path {
	return &framework.Path{
		Pattern:      "config/gap",
		DisplayAttrs: engine.Operation("", "gap-configuration"),
		Fields: map[string]*framework.FieldSchema{
			"resume": {
				Type:        framework.TypeBool,
				Description: "State that no other server works with a copy of this storage: scheduled rotations and auto-tidy continue now, and each static role whose key AWS no longer knows gets a new one.",
			},
			"restored": {
				Type:        framework.TypeBool,
				Description: "With resume: state that this storage was set back to a snapshot. Keys that were made for users of static roles between the snapshot and the restart then count as this mount's, and rotations replace them.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(k.Write("Read what waits because of a gap in the engine's heartbeat.", k.readGap), gapAnswer()), // by way of write: a standby does not know
			logical.UpdateOperation: k.Configure("gap", "Say how to go on after a gap in the engine's heartbeat.", k.writeGap),
		},
		HelpSynopsis: "Resume after a snapshot was restored or the engine was down.",
		HelpDescription: `
If the engine was down for more than 5 minutes, its storage may be a copy whose original
is still running. So for a day (-gap-caution) scheduled rotations delete no key and
auto-tidy deletes no user. Then they continue automatically, unless a user has a key that
somebody made meanwhile. Write resume=true if no other server works with a copy:
everything continues at once. After a snapshot was restored in place, write resume=true
restored=true.
`,
	}
}

func gapAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"last_heartbeat": {Type: framework.TypeString, Description: "The last heartbeat before the gap (RFC 3339); null if there was no gap, or an operator has written resume since."},
		"gap_noticed":    {Type: framework.TypeString, Description: "When the engine ran again (RFC 3339); null likewise."},
		"cautious_until": {Type: framework.TypeString, Description: "Until when scheduled rotations and tidy delete nothing (RFC 3339); null likewise."},
		"resumed":        {Type: framework.TypeString, Description: "When somebody last wrote resume (RFC 3339); null if nobody did."},
		"restored":       {Type: framework.TypeBool, Description: "Whether that write had restored=true."},
	}
}

func (k *Keeper) readGap(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	if err := k.OpenTerm(ctx, req.Storage); err != nil {
		return nil, err
	}
	gap, decided := k.GapAfter(time.Time{}), k.Decided()
	return &logical.Response{Data: map[string]any{
		"last_heartbeat": engine.Stamp(gap.Last), "gap_noticed": engine.Stamp(gap.Noticed), "cautious_until": engine.Stamp(gap.Until),
		"resumed": engine.Stamp(decided.At), "restored": decided.Restored,
	}}, nil
}

func (k *Keeper) writeGap(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	var resume, restored bool
	engine.Set(d, "resume", &resume)
	engine.Set(d, "restored", &restored)
	if !resume {
		return nil, engine.UserErrorf("resume: must be true: it says that no other server works with a copy of this storage")
	}
	decided, err := k.Decide(ctx, req.Storage, restored)
	if err != nil {
		return nil, err
	}
	k.queue.forget() // every role is looked at once more
	k.Log.Warn("an operator has ended the caution after a gap in the heartbeat", "restored", restored)
	warnings := []string{"rotations by schedule and auto-tidy go on; each static role is looked at within the next minutes, and gets a new key where AWS does not know its key any more: last_rotation_error at static-roles/<name> says what fails"}
	switch {
	case restored && !decided.To.After(decided.From):
		warnings = append(warnings, "restored: has no effect, because there was no gap in the engine's heartbeat")
	case restored:
		warnings = append(warnings, fmt.Sprintf("restored: keys that were made for users of static roles from %v to %v count as this mount's, and rotations replace them; write resume=true without restored to undo that",
			engine.Stamp(decided.From), engine.Stamp(decided.To)))
	}
	return engine.Warned(warnings), nil
}
