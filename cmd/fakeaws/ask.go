// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file asks an account the two things that the demo wants to know, so that it needs no aws command line.

// client reads the -endpoint flag and the environment; variable is the service's own endpoint variable.
func client(flags *flag.FlagSet, variable string, args []string, errs io.Writer) (fakeaws.Client, error) {
	flags.SetOutput(errs)
	endpoint := flags.String("endpoint", firstSet(variable, "AWS_ENDPOINT_URL"), "`URL` to ask")
	if err := flags.Parse(args); err != nil {
		return fakeaws.Client{}, err
	}
	key := fakeaws.Key{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	switch {
	case *endpoint == "":
		return fakeaws.Client{}, fmt.Errorf("no endpoint: set %s or AWS_ENDPOINT_URL, or give -endpoint", variable)
	case key.AccessKeyID == "" || key.SecretAccessKey == "":
		return fakeaws.Client{}, errors.New("no key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return fakeaws.Client{Endpoint: *endpoint, Key: key}, nil
}

// firstSet is the value of the first of these variables that has one.
func firstSet(variables ...string) string {
	for _, variable := range variables {
		if value := os.Getenv(variable); value != "" {
			return value
		}
	}
	return ""
}

// whoami prints the caller's ARN.
func whoami(ctx context.Context, args []string, out, errs io.Writer) error {
	c, err := client(flag.NewFlagSet("fakeaws whoami", flag.ContinueOnError), "AWS_ENDPOINT_URL_STS", args, errs)
	if err != nil {
		return err
	}
	arn, err := c.CallerARN(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, arn)
	return nil
}

// users prints the IAM users but the caller, which is a user itself, and those of -except: Vault's own, in the demo.
func users(ctx context.Context, args []string, out, errs io.Writer) error {
	var except names
	flags := flag.NewFlagSet("fakeaws users", flag.ContinueOnError)
	flags.Var(&except, "except", "IAM user to leave out, by `name`; may be repeated")
	c, err := client(flags, "AWS_ENDPOINT_URL_IAM", args, errs)
	if err != nil {
		return err
	}
	var caller struct {
		Name string `xml:"GetUserResult>User>UserName"`
	}
	body, err := c.Do(ctx, "iam", "GetUser", nil)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(body, &caller); err != nil {
		return fmt.Errorf("reading the answer to GetUser: %w", err)
	}
	names, err := c.UserNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != caller.Name && !slices.Contains(except, name) {
			fmt.Fprintln(out, name)
		}
	}
	return nil
}
