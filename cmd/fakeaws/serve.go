// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs the account and tells how to use it.

// settings are the flags of the server.
type settings struct {
	listen, envFile, instanceRole string
	rootKey, installation         string
	latency, lag                  time.Duration
	pageSize                      int
	rate                          float64
	conflicts                     bool
	groups, roles, policies       names
}

// names is a flag that may be given many times.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

// Set adds one name.
func (n *names) Set(name string) error {
	*n = append(*n, name)
	return nil
}

// parse reads the flags of the server.
func parse(args []string, errs io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("fakeaws", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "loopback `address` to serve on; port 0 takes a free one")
	flags.StringVar(&s.envFile, "env-file", "", "write the exports to this `file` too, once ready")
	flags.DurationVar(&s.latency, "latency", 0, "what every call takes at least, such as 50ms")
	flags.DurationVar(&s.lag, "lag", 0, "for how long a new user and a new key are not known yet, such as 2s")
	flags.Float64Var(&s.rate, "rate", 0, "calls per second of one action before it is throttled; 0 is no limit")
	flags.BoolVar(&s.conflicts, "conflicts", false, "overlapping changes of one user answer ConcurrentModification")
	flags.IntVar(&s.pageSize, "page-size", 100, "items that a list answers at most")
	flags.Var(&s.groups, "group", "IAM group to begin with, by `name`; may be repeated")
	flags.Var(&s.roles, "role", "IAM role that may be assumed, by `name`; may be repeated")
	flags.Var(&s.policies, "policy", "customer managed policy to begin with, by `ARN`; may be repeated")
	flags.StringVar(&s.installation, "installation", "aws", "whose server to be, by `name`: aws, ceph or minio, which lack actions")
	flags.StringVar(&s.rootKey, "root-key", "", "`ID:SECRET` of the key that config/root is given; empty makes one")
	flags.StringVar(&s.instanceRole, "instance-role", "", "role, by `name`, whose credentials instance metadata hands out")
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
	return s, nil
}

// instanceTTL is what EC2 gives a role's credentials, about.
const instanceTTL = 6 * time.Hour

// serve runs the account until ctx ends.
func serve(ctx context.Context, args []string, out, errs io.Writer) error {
	s, err := parse(args, errs)
	if err != nil {
		return err
	}
	installation, err := fakeaws.ParseInstallation(s.installation)
	if err != nil {
		return fmt.Errorf("reading -installation: %w", err)
	}
	server, err := fakeaws.Start(s.listen, fakeaws.WithPageSize(s.pageSize), fakeaws.WithControl(), fakeaws.WithInstallation(installation))
	if err != nil {
		return err
	}
	furnish(server, s)
	exports := environment(server)
	fmt.Fprintf(out, "fake AWS at %s\n\n%s\nvault write aws-dyn/config/root access_key=%s secret_key=%s region=us-east-1 iam_endpoint=%s sts_endpoint=%s\n",
		server.URL(), exports, server.RootKey().AccessKeyID, server.RootKey().SecretAccessKey, server.URL(), server.URL())
	if s.envFile != "" {
		if err := writeWhole(s.envFile, exports); err != nil {
			_ = server.Close() // the first error says more
			return err
		}
	}
	<-ctx.Done()
	return server.Close()
}

// furnish gives the account what the flags ask for.
func furnish(server *fakeaws.Server, s settings) {
	for _, name := range s.groups {
		server.AddGroup(name)
	}
	for _, name := range s.roles {
		server.AddRole(name)
	}
	for _, arn := range s.policies {
		server.AddPolicy(arn)
	}
	if id, secret, ok := strings.Cut(s.rootKey, ":"); ok {
		server.SetRootKey(id, secret)
	}
	if s.instanceRole != "" {
		server.SetInstanceRole(s.instanceRole, instanceTTL)
	}
	server.SetLatency(s.latency)
	server.SetLag(s.lag, s.lag)
	server.SetConflicts(s.conflicts)
	if s.rate > 0 {
		server.SetRate("", s.rate, int(s.rate))
	}
}

// environment is what a shell needs for the aws command line, and this program, to find the account.
func environment(server *fakeaws.Server) string {
	key := server.RootKey()
	var b strings.Builder
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL", server.URL()},
		{"AWS_ENDPOINT_URL_IAM", server.URL()},
		{"AWS_ENDPOINT_URL_STS", server.URL()},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey},
		{"AWS_REGION", "us-east-1"},
		{"AWS_DEFAULT_REGION", "us-east-1"}, // version 1 of the aws command line reads no AWS_REGION
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], v[1])
	}
	return b.String()
}

// writeWhole writes a file that nobody else may read, and that nobody sees half written: its being there is the
// sign that the server is ready.
func writeWhole(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // its mode is 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = file.WriteString(text)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the first error says more
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
