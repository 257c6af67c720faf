// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs the account and tells how to use it.

// instanceTTL is what EC2 gives a role's credentials, about.
const instanceTTL = 6 * time.Hour

// serve runs the account until ctx ends.
func serve(ctx context.Context, args []string, out, errs io.Writer) error {
	s, err := parse(args, errs)
	if err != nil {
		return err
	}
	server, err := fakeaws.Start(s.listen, fakeaws.WithPageSize(s.pageSize), fakeaws.WithControl(),
		fakeaws.WithAccount(s.account), fakeaws.WithPartition(s.partition), fakeaws.WithInstallation(fakeaws.Installation(s.installation)))
	if err != nil {
		return err
	}
	furnish(server, s)
	exports := environment(server, server.AddUser(operator))
	fmt.Fprintf(out, "fake AWS at %s\n\n%s\nvault write aws-dyn/config/root access_key=%s secret_key=%s region=%s iam_endpoint=%s sts_endpoint=%s\n",
		server.URL(), exports, server.RootKey().AccessKeyID, server.RootKey().SecretAccessKey, server.HomeRegion(), server.URL(), server.URL())
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
	for _, pair := range s.externalIDs {
		role, id, _ := strings.Cut(pair, "=")
		server.AddRoleExternalID(role, id)
	}
	for _, pair := range s.maxSessions {
		role, text, _ := strings.Cut(pair, "=")
		longest, _ := time.ParseDuration(text) // parse has seen to it
		server.SetMaxSession(role, longest)
	}
	for _, pair := range s.codes {
		server.SetMFACode(cutLast(pair))
	}
	for _, arn := range s.policies {
		server.AddPolicy(arn)
	}
	if id, secret, ok := strings.Cut(s.rootKey, ":"); ok {
		server.SetRootKey(id, secret)
	}
	for _, pair := range s.otherAccounts {
		id, role, _ := strings.Cut(pair, "=")
		server.Account(id).SetTrust(role, s.account)
	}
	server.SetWebIdentityToken(s.webToken)
	server.SetSigningRegion(s.region)
	if s.instanceRole != "" {
		server.SetInstanceRole(s.instanceRole, instanceTTL)
	}
	server.SetLatency(s.latency)
	server.SetLag(s.lag, s.lag)
	server.SetListingLag(s.lag, 0)
	server.SetDeletionLag(s.removalLag)
	server.SetOldKeyLag(s.removalLag, 0)
	server.SetConflicts(s.conflicts)
	if s.rate > 0 {
		server.SetRate("", s.rate, int(s.rate))
	}
}

// operator is the IAM user whose key a shell is given. It is not Vault's own: rotating that one must not lock the shell out.
const operator = "operator"

// environment is what a shell needs for the aws command line, and this program, to find the account; and the key that
// config/root is to be given.
func environment(server *fakeaws.Server, key fakeaws.Key) string {
	var b strings.Builder
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL", server.URL()},
		{"AWS_ENDPOINT_URL_IAM", server.URL()},
		{"AWS_ENDPOINT_URL_STS", server.URL()},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey},
		{"AWS_REGION", server.HomeRegion()},
		{"AWS_DEFAULT_REGION", server.HomeRegion()}, // version 1 of the aws command line reads no AWS_REGION
		{"ROOT_ACCESS_KEY", server.RootKey().AccessKeyID},
		{"ROOT_SECRET_KEY", server.RootKey().SecretAccessKey},
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
