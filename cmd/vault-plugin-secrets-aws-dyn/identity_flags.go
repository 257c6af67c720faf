// SPDX-License-Identifier: MPL-2.0

package main

// What the server's operator lets mounts use of the server's own identity.

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend"
)

// identityFlags adds the flags about tokens in files.
func identityFlags(flags *flag.FlagSet, opts *backend.Options) {
	flags.Func("web-identity-token-files",
		"Files that web_identity_token_file of config/root may name: absolute paths, separated by commas. A directory that ends in / allows everything below it. "+
			"The file that AWS_WEB_IDENTITY_TOKEN_FILE names is always allowed.",
		eachOf(&opts.WebIdentityTokenFiles, func(path string) error {
			if !filepath.IsAbs(path) {
				return fmt.Errorf("%q is not an absolute path", path)
			}
			return nil
		}))
	flags.Func("web-identity-sts-endpoints",
		"URLs of STS to which the token in such a file may be sent, in addition to AWS's own, separated by commas.",
		eachOf(&opts.WebIdentitySTSEndpoints, func(endpoint string) error {
			u, err := url.Parse(endpoint)
			if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf("%q is not a URL such as https://sts.example.com", endpoint)
			}
			return nil
		}))
}

// eachOf reads a list with commas into dst, if each of its entries is good.
func eachOf(dst *[]string, check func(string) error) func(string) error {
	return func(text string) error {
		var all []string
		for entry := range strings.SplitSeq(text, ",") {
			entry = strings.TrimSpace(entry)
			if entry == "" {
				return errors.New("an entry of the list is empty")
			}
			if err := check(entry); err != nil {
				return err
			}
			all = append(all, entry)
		}
		*dst = append(*dst, all...)
		return nil
	}
}
