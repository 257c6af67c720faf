// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file reads the flags of the server, and refuses what AWS could not be.

// settings are the flags of the server.
type settings struct {
	listen, envFile, instanceRole   string
	account, partition, region      string
	rootKey, installation, webToken string
	latency, lag, removalLag        time.Duration
	pageSize                        int
	rate                            float64
	conflicts                       bool
	groups, roles, policies         names
	externalIDs, maxSessions, codes names
	otherAccounts                   names
}

// names is a flag that may be given many times.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

// Set adds one name.
func (n *names) Set(name string) error {
	if name == "" {
		return errors.New("it is empty")
	}
	*n = append(*n, name)
	return nil
}

// define declares the flags.
func (s *settings) define(flags *flag.FlagSet) {
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "loopback `address` to serve on; port 0 is any free one")
	flags.StringVar(&s.envFile, "env-file", "", "also write the exports to this `file`, when ready")
	flags.IntVar(&s.pageSize, "page-size", 100, "maximum number of items in a page of a list")

	flags.StringVar(&s.account, "account", "123456789012", "`number` of the account, twelve digits")
	flags.Var(&s.otherAccounts, "other-account", "`ACCOUNT=ROLE`: another account with a role that trusts this one; may be repeated")
	flags.StringVar(&s.partition, "partition", "aws", "partition of the account, by `name`: "+strings.Join(fakeaws.Partitions, ", "))
	flags.StringVar(&s.region, "signing-region", "", "`region` that signatures must name; empty is any")
	flags.StringVar(&s.installation, "installation", "aws", "server to behave as, by `name`: aws, or ceph or minio, which lack some actions")
	flags.StringVar(&s.rootKey, "root-key", "", "`ID:SECRET` of the key for config/root; empty makes one")
	flags.Var(&s.groups, "group", "IAM group that exists at the start, by `name`; may be repeated")
	flags.Var(&s.policies, "policy", "customer managed policy that exists at the start, by `ARN`; may be repeated")
	flags.Var(&s.roles, "role", "IAM role that may be assumed for up to an hour, by `name`; may be repeated")
	flags.Var(&s.externalIDs, "external-id", "`ROLE=ID`: external ID that callers of a role must send; may be repeated")
	flags.Var(&s.maxSessions, "max-session", "`ROLE=duration`: maximum session duration of a role, 1h to 12h; may be repeated")
	flags.Var(&s.codes, "mfa-code", "`SERIAL=CODE`: code that an MFA device shows; may be repeated")
	flags.StringVar(&s.webToken, "web-identity-token", "", "`text` that AssumeRoleWithWebIdentity accepts as a token")
	flags.StringVar(&s.instanceRole, "instance-role", "", "role, by `name`, whose credentials the instance metadata returns")

	flags.DurationVar(&s.latency, "latency", 0, "minimum time of every call, such as 50ms")
	flags.DurationVar(&s.lag, "lag", 0, "how long a new user and a new key are not visible, such as 2s")
	flags.DurationVar(&s.removalLag, "removal-lag", 0, "how long removed things are still visible, and a deleted key still works, such as 4s")
	flags.Float64Var(&s.rate, "rate", 0, "calls per second of one action before it is throttled; 0 is no limit")
	flags.BoolVar(&s.conflicts, "conflicts", false, "overlapping changes of one user answer ConcurrentModification")
}

// parse reads the flags of the server.
func parse(args []string, errs io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("fakeaws", flag.ContinueOnError)
	flags.SetOutput(errs)
	s.define(flags)
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
		fmt.Fprint(errs, more)
	}
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unknown argument %q: see fakeaws -h", flags.Arg(0))
	}
	return s, s.check()
}

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	nameForm    = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
)

// check refuses what AWS could not be: all that is wrong, each with its flag.
func (s *settings) check() error {
	var wrong []error
	refuse := func(name, value, want string) {
		wrong = append(wrong, fmt.Errorf("-%s %q must be %s", name, value, want))
	}
	if !accountForm.MatchString(s.account) {
		refuse("account", s.account, "twelve digits, such as 123456789012")
	}
	if !slices.Contains(fakeaws.Partitions, s.partition) {
		refuse("partition", s.partition, "one of "+strings.Join(fakeaws.Partitions, ", "))
	}
	if _, err := fakeaws.ParseInstallation(s.installation); err != nil {
		wrong = append(wrong, fmt.Errorf("reading -installation: %w", err))
	}
	if id, secret, _ := strings.Cut(s.rootKey, ":"); s.rootKey != "" && (id == "" || secret == "") {
		wrong = append(wrong, errors.New("-root-key must be ID:SECRET, such as minioadmin:minioadmin")) // its value may be a secret
	}
	for name, values := range map[string]names{"group": s.groups, "role": s.roles} {
		for _, value := range values {
			if !nameForm.MatchString(value) {
				refuse(name, value, "a name of letters, digits and +=,.@_-, not an ARN")
			}
		}
	}
	for name, d := range map[string]time.Duration{"latency": s.latency, "lag": s.lag, "removal-lag": s.removalLag} {
		if d < 0 {
			refuse(name, d.String(), "positive, or 0 for none")
		}
	}
	if s.rate < 0 {
		refuse("rate", fmt.Sprint(s.rate), "positive, or 0 for no limit")
	}
	if s.pageSize < 1 {
		refuse("page-size", fmt.Sprint(s.pageSize), "at least 1")
	}
	wrong = append(wrong, s.checkPairs()...)
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}

// checkPairs refuses flags that are not NAME=VALUE.
func (s *settings) checkPairs() []error {
	var wrong []error
	for _, pair := range s.externalIDs {
		if role, id, _ := strings.Cut(pair, "="); role == "" || id == "" {
			wrong = append(wrong, fmt.Errorf("-external-id %q must be ROLE=ID", pair))
		}
	}
	for _, pair := range s.maxSessions {
		role, text, _ := strings.Cut(pair, "=")
		if d, err := time.ParseDuration(text); role == "" || err != nil || d < time.Hour || d > 12*time.Hour {
			wrong = append(wrong, fmt.Errorf("-max-session %q must be ROLE=duration, from 1h to 12h", pair))
		}
	}
	for _, pair := range s.otherAccounts {
		if id, role, _ := strings.Cut(pair, "="); !accountForm.MatchString(id) || id == s.account || !nameForm.MatchString(role) {
			wrong = append(wrong, fmt.Errorf("-other-account %q must be ACCOUNT=ROLE, such as 210987654321=vault-hub, of another account", pair))
		}
	}
	for _, pair := range s.codes {
		if serial, code := cutLast(pair); serial == "" || len(code) != 6 {
			wrong = append(wrong, fmt.Errorf("-mfa-code must be SERIAL=CODE with six digits, and is not for %q", serial))
		}
	}
	return wrong
}

// cutLast cuts at the last =, as a serial number may hold some.
func cutLast(pair string) (before, after string) {
	i := strings.LastIndex(pair, "=")
	if i < 0 {
		return "", ""
	}
	return pair[:i], pair[i+1:]
}
