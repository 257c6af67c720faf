// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/status"
	"vault-plugin-secrets-aws-dyn/backend/users"
)

func (b *backend) pathStatus() *framework.Path {
	// By way of write, since a standby does not know what the active server does. A secondary has denials and a WAL of its own.
	read := engine.Gives(b.Write("Read what is wrong with the mount, and what to do about it.", b.readStatus), status.Fields())
	read.ForwardPerformanceSecondary = false
	return &framework.Path{
		Pattern:      "status",
		DisplayAttrs: engine.Operation("", "status"),
		Fields: map[string]*framework.FieldSchema{
			"detailed": {
				Type:        framework.TypeBool,
				Query:       true,
				Description: "Also show each call, each user that could not be deleted and each static role that fails.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: read,
		},
		HelpSynopsis: "What is wrong with this mount, and what to do about it.",
		HelpDescription: `
Shows the state of the engine on the active server: problems first, one sentence each with
what to do, then the engine's identity in AWS, counts of its records and its last calls.
It does not call AWS: what it says about AWS, the engine has seen in the calls of requests
and of its own work, and it says when. After a restart it knows only what storage holds,
until calls are made; config/check and roles/<name>/check ask AWS now.
`,
	}
}

func (b *backend) readStatus(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	f := status.Facts{Now: b.Now(), Gap: b.GapAfter(b.Decided().At), Writes: b.Writes()}
	engine.Set(d, "detailed", &f.Detailed)
	f.Term, f.Heartbeat = b.Heartbeat()
	var names, words []string
	f.Static.Roles, names, words = b.staticRoles.Failing()
	for i, name := range names {
		f.Static.Failing = append(f.Static.Failing, status.Failing{Name: name, Words: words[i]})
	}
	for _, state := range b.sessions.States() {
		f.Denials = append(f.Denials, status.Denials(state))
	}
	for _, o := range b.sessions.OwnEnded() {
		f.Own = append(f.Own, status.Own{Role: o.Role, Account: o.Account, As: o.As, Since: o.Since, Until: o.Until, Late: o.Late(f.Now)})
	}
	facts := []func(context.Context, logical.Storage, *status.Facts) error{b.rootFacts}
	if f.Secondary = !b.Writable(); !f.Secondary { // only the primary knows what of this is under way
		facts = append(facts, b.recordFacts, b.tidyFacts)
	}
	for _, read := range facts {
		if err := read(ctx, req.Storage, &f); err != nil {
			f.Unread = append(f.Unread, err)
		}
	}
	return &logical.Response{Data: b.memory.Answer(f)}, nil
}

// rootFacts are about config/root, and where it leads.
func (b *backend) rootFacts(ctx context.Context, s logical.Storage, f *status.Facts) error {
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return err
	}
	f.Root.Identity, f.Root.Since = cfg.Whom(), b.ClientSince()
	if err := cfg.CheckStored(); err != nil {
		f.Root.Config = append(f.Root.Config, err.Error())
	}
	warnings, odd := cfg.Validate(b.Place(ctx, s))
	if f.Root.Warnings = warnings; odd != nil && len(f.Root.Config) == 0 { // another engine has taken it
		f.Root.Warnings = append(f.Root.Warnings, odd.Error())
	}
	if refused := b.refusedOwnTags(); refused != "" {
		f.Root.Warnings = append(f.Root.Warnings, refused)
	}
	if f.Root.Rotation, err = b.rootKey.Describe(ctx, s, cfg); err != nil {
		return err
	}
	client := b.KnownClient()
	if client == nil || !client.KnownAccount().Known() {
		return nil
	}
	here := client.KnownAccount()
	home, err := engine.HomeAccount(ctx, s)
	if err != nil {
		return err
	}
	f.Root.Account = here.String()
	foreign, one := b.users.Elsewhere(here, home)
	f.Root.Foreign, f.Root.Home = foreign, one.String()
	return nil
}

// recordFacts are about the IAM users that the mount has written down.
func (b *backend) recordFacts(ctx context.Context, s logical.Storage, f *status.Facts) error {
	all, err := b.users.All(ctx, s)
	if err != nil {
		return err
	}
	ofRole, ofAccount := map[string]int{}, map[string]int{}
	for _, u := range all {
		ofRole[u.Role]++
		ofAccount[u.Way.Account()]++
		r := status.Record{User: u.Name, Role: u.Role, Account: cmp.Or(u.Way.Account(), u.Account.String()), Since: u.Issued}
		switch u.State {
		case users.InRequest:
			f.Records.Making++
		case users.Issued:
			f.Records.Issued++
			if !u.Due.After(f.Now) {
				f.Records.Outlived = append(f.Records.Outlived, r)
			}
		case users.Abandoned:
			f.Records.Creating = append(f.Records.Creating, r)
		case users.Ending:
			r.Since = u.Ending
			f.Records.Ending = append(f.Records.Ending, r)
		}
	}
	for _, list := range [][]status.Record{f.Records.Creating, f.Records.Ending, f.Records.Outlived} {
		slices.SortFunc(list, func(a, c status.Record) int { return cmp.Or(a.Since.Compare(c.Since), cmp.Compare(a.User, c.User)) })
	}
	return b.capFacts(ctx, s, ofRole, ofAccount, f)
}

// mostCaps is how many roles a status looks at, those with the most users: reading a role may read storage.
const mostCaps = 100

// nearly reports whether a cap is nearly reached.
func nearly(n, most int) bool { return most > 0 && n*10 >= most*9 }

// capFacts are about caps that are nearly reached.
func (b *backend) capFacts(ctx context.Context, s logical.Storage, ofRole, ofAccount map[string]int, f *status.Facts) error {
	set, err := b.anySettings(ctx, s)
	if err != nil {
		return err
	}
	for _, account := range slices.Sorted(maps.Keys(ofAccount)) {
		if n := ofAccount[account]; nearly(n, set.users.MaxUsers) {
			f.Records.Caps = append(f.Records.Caps, fmt.Sprintf("The mount has %s in AWS account %s of the %d that max_users of config/users allows",
				engine.Counted(n, "IAM user"), cmp.Or(account, f.Root.Account, "of config/root"), set.users.MaxUsers))
		}
	}
	roles := slices.SortedFunc(maps.Keys(ofRole), func(a, c string) int { return cmp.Or(ofRole[c]-ofRole[a], cmp.Compare(a, c)) })
	for _, name := range roles[:min(len(roles), mostCaps)] {
		r, err := b.roles.Get(ctx, s, name)
		if engine.IsUnreadable(err) {
			continue
		}
		if err != nil {
			return err
		}
		if r != nil && nearly(ofRole[name], r.MaxUsers) {
			f.Records.Caps = append(f.Records.Caps, fmt.Sprintf("The role %s has %s of the %d that its max_users allows", name, engine.Counted(ofRole[name], "IAM user"), r.MaxUsers))
		}
	}
	return nil
}

// tidyFacts are about the last run of tidy.
func (b *backend) tidyFacts(ctx context.Context, s logical.Storage, f *status.Facts) (err error) {
	f.Tidy, err = b.tidy.Last(ctx, s)
	return err
}
