// SPDX-License-Identifier: MPL-2.0

package engine

// Moments: what happens to credentials and keys, told once, with the same fields, as an event of
// Vault's, as an observation under the name that the built-in engine gives it, and as a line of the
// log. The line is all that a server without events and observations has.

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Kind is a kind of moment.
type Kind struct {
	// Event is its name as an event, below EventPrefix.
	Event string
	// Observation is the name that the built-in engine gives it; empty where it gives none.
	Observation string
	operation   string
	actions     []string // whose request ID is told, the first that was called
}

// EventPrefix is what the names of all events begin with: the name of the built-in engine, so that
// subscriptions do not depend on where the plugin is registered.
const EventPrefix = "aws/"

// The kinds of moments.
var (
	CredsIssued        = Kind{"creds-create", "aws/credential/create/success", "create", []string{"CreateUser", "GetFederationToken", "GetSessionToken", "AssumeRole"}}
	CredsFailed        = Kind{"creds-create-fail", "aws/credential/create/fail", "create", nil}
	CredsRenewed       = Kind{"creds-renew", "aws/credential/renew", "renew", nil}
	CredsRevoked       = Kind{"creds-revoke", "aws/credential/revoke", "revoke", []string{"DeleteUser", "GetUser"}}
	CredsRevokeFailed  = Kind{"creds-revoke-fail", "", "revoke", nil}
	CredsDeleted       = Kind{"creds-delete", "", "delete", []string{"DeleteUser", "GetUser"}}
	CredsSwept         = Kind{"creds-sweep", "", "delete", []string{"DeleteUser", "GetUser"}}
	OrphanFound        = Kind{"orphan-found", "", "delete", []string{"DeleteUser", "GetUser"}}
	RootRotated        = Kind{"root-rotate", "aws/config/root/rotate", "rotate", []string{"CreateAccessKey", "DeleteAccessKey"}}
	RootRotateFailed   = Kind{"root-rotate-fail", "", "rotate", nil}
	StaticRotated      = Kind{"static-creds-rotate", "aws/static-credential/rotate", "rotate", []string{"CreateAccessKey"}}
	StaticRotateFailed = Kind{"static-creds-rotate-fail", "", "rotate", nil}
	RotationWaits      = Kind{"rotation-wait", "", "rotate", nil}
)

// Moment is one of them, from where it begins until it is told. What is not known stays empty.
type Moment struct {
	// Path is the path of the mount that it is about: who may subscribe to that hears of it.
	Path string
	// DataPath is where what has changed is read.
	DataPath         string
	User, AccessKey  string
	ARN              string // of a session
	Role, StaticRole string
	Entity, Account  string
	// Type is the credential_type of a role, and Ends when the credential ends by itself.
	Type string
	Ends time.Time
	// Took is how long it took, where that is longer than the moment.
	Took time.Duration
	// Observed is what the built-in engine observes: texts, numbers and truths.
	Observed map[string]any

	mount *Mount
	asked Asked
	began time.Time
	trace *awscreds.Trace
}

// Asked is which request of Vault's led to a moment; the zero value is none.
type Asked struct{ Path, ID, Client, Entity string }

// AskedBy is that of a request.
func AskedBy(req *logical.Request) Asked {
	return Asked{Path: req.Path, ID: req.ID, Client: req.ClientID, Entity: req.EntityID}
}

// Moment begins a moment. AWS's answers to the calls of the context that it returns belong to it.
func (m *Mount) Moment(ctx context.Context, by Asked) (context.Context, *Moment) {
	ctx, trace := awscreds.Traced(ctx)
	return ctx, &Moment{Path: by.Path, Entity: by.Entity, mount: m, asked: by, began: time.Now(), trace: trace}
}

// Line is what the log has of a moment.
type Line struct {
	Level hclog.Level // Info and above where a human has to know
	Text  string
	Err   error // why, where it is a failure
}

// Tell tells that it has come to pass. more are further fields, in pairs. It neither waits nor fails.
func (o *Moment) Tell(k Kind, line Line, more ...any) {
	id := o.trace.RequestID(k.actions...)
	if line.Err != nil {
		id = awscreds.RequestID(line.Err)
		more = append(more, "error", awscreds.Explain(line.Err))
	}
	fields := []any{}
	for _, f := range []struct{ name, value string }{
		{"iam_user", o.User}, {"arn", o.ARN}, {"access_key", o.AccessKey}, {"role", o.Role}, {"static_role", o.StaticRole},
		{"credential_type", o.Type}, {"entity_id", o.Entity}, {"account", o.Account}, {"aws_request_id", id},
	} {
		if f.value != "" {
			fields = append(fields, f.name, f.value)
		}
	}
	fields = append(fields, "duration_ms", max(o.Took, time.Since(o.began)).Milliseconds())
	if !o.Ends.IsZero() {
		fields = append(fields, "ends", Stamp(o.Ends))
	}
	fields = append(fields, more...)
	o.mount.Log.Log(line.Level, line.Text, fields...)
	o.mount.sendEvent(EventPrefix+k.Event, o.metadata(k, fields))
	if k.Observation == "" {
		return
	}
	data := map[string]any{}
	for i := 0; i < len(fields)-1; i += 2 {
		data[fields[i].(string)] = fields[i+1]
	}
	maps.Copy(data, o.Observed)
	o.mount.observe(o.asked, k.Observation, data)
}

// metadata are the fields of an event, which has texts alone.
func (o *Moment) metadata(k Kind, fields []any) (pairs []string) {
	pairs = []string{logical.EventMetadataPath, o.Path, logical.EventMetadataOperation, k.operation}
	if o.DataPath != "" {
		pairs = append(pairs, logical.EventMetadataDataPath, o.DataPath, logical.EventMetadataModified, "true")
	}
	for _, f := range fields {
		pairs = append(pairs, eventText(f))
	}
	return pairs
}

// eventText is a field as a text.
func eventText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case []string:
		return strings.Join(v, ",")
	}
	return ""
}

// Observe records that a request of a kind that the built-in engine observes went well.
func (m *Mount) Observe(req *logical.Request, name string, data map[string]any) {
	m.observe(AskedBy(req), name, data)
}
