// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file asks an account what the demo wants to know, so that it needs no aws command line.

// endpointOf reads the -endpoint flag and the environment; variable is the service's own endpoint variable.
func endpointOf(flags *flag.FlagSet, variable string, args []string, errs io.Writer) (string, error) {
	flags.SetOutput(errs)
	endpoint := flags.String("endpoint", firstSet(variable, "AWS_ENDPOINT_URL"), "`URL` to ask")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if *endpoint == "" {
		return "", fmt.Errorf("no endpoint: set %s or AWS_ENDPOINT_URL, or give -endpoint", variable)
	}
	return *endpoint, nil
}

// client is for calls to the endpoint that are signed with the key of the environment.
func client(flags *flag.FlagSet, variable string, args []string, errs io.Writer) (fakeaws.Client, error) {
	endpoint, err := endpointOf(flags, variable, args, errs)
	if err != nil {
		return fakeaws.Client{}, err
	}
	key := fakeaws.Key{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	if key.AccessKeyID == "" || key.SecretAccessKey == "" {
		return fakeaws.Client{}, errors.New("no key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return fakeaws.Client{Endpoint: endpoint, Key: key}, nil
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

// user prints an IAM user and what it was given. Without a name it is the caller.
func user(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("fakeaws user", flag.ContinueOnError)
	c, err := client(flags, "AWS_ENDPOINT_URL_IAM", args, errs)
	if err != nil {
		return err
	}
	params := url.Values{}
	if name := flags.Arg(0); name != "" {
		params.Set("UserName", name)
	}
	var found struct {
		Name string                        `xml:"GetUserResult>User>UserName"`
		ARN  string                        `xml:"GetUserResult>User>Arn"`
		Tags []struct{ Key, Value string } `xml:"GetUserResult>User>Tags>member"`
	}
	body, err := c.Do(ctx, "iam", "GetUser", params)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(body, &found); err != nil {
		return fmt.Errorf("reading the answer to GetUser: %w", err)
	}
	slices.SortFunc(found.Tags, func(a, b struct{ Key, Value string }) int { return strings.Compare(a.Key, b.Key) })
	fmt.Fprintln(out, found.ARN)
	for _, tag := range found.Tags {
		fmt.Fprintf(out, "  tag %s=%s\n", tag.Key, tag.Value)
	}
	return printPolicies(ctx, c, found.Name, out)
}

// printPolicies prints the managed and the inline policies of a user.
func printPolicies(ctx context.Context, c fakeaws.Client, name string, out io.Writer) error {
	attached, err := c.List(ctx, "ListAttachedUserPolicies", "PolicyArn", url.Values{"UserName": {name}})
	if err != nil {
		return err
	}
	for _, arn := range attached {
		fmt.Fprintf(out, "  policy %s\n", arn)
	}
	inline, err := c.List(ctx, "ListUserPolicies", "member", url.Values{"UserName": {name}})
	if err != nil {
		return err
	}
	for _, policy := range inline {
		texts, err := c.List(ctx, "GetUserPolicy", "PolicyDocument", url.Values{"UserName": {name}, "PolicyName": {policy}})
		if err != nil {
			return err
		}
		document, err := url.PathUnescape(strings.Join(texts, "")) // IAM API Reference, GetUserPolicy: URL-encoded
		if err != nil {
			return fmt.Errorf("reading the policy %s: %w", policy, err)
		}
		fmt.Fprintf(out, "  policy %s\n", document)
	}
	return nil
}
