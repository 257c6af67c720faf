// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/hashicorp/vault/api"
)

// explain says what Vault's refusal means, and what to do. The server tells what is wrong with a request that it
// understands; what remains is the way to it, the token, and the mount. Those Vault tells by text alone.
func (v *vault) explain(err error, capability, path string) error {
	var refused *api.ResponseError
	if !errors.As(err, &refused) {
		return v.unreachable(err)
	}
	said := words(refused)
	where := path
	if namespace := v.Namespace(); namespace != "" {
		where += " in the namespace " + namespace
	}
	switch {
	case refused.StatusCode == http.StatusForbidden && v.Token() == "":
		return fmt.Errorf("%s: no token: run vault login, or set VAULT_TOKEN", where)
	case refused.StatusCode == http.StatusForbidden && strings.Contains(said, "invalid token"):
		return fmt.Errorf("%s: the token is expired or revoked, or is not of this Vault (%s): run vault login", where, v.Address())
	case refused.StatusCode == http.StatusForbidden && strings.Contains(said, "permission denied"):
		return fmt.Errorf("%s: permission denied: no policy of the token allows %q there, or the token has expired; vault token lookup shows its policies%s", where, capability, v.elsewhere(path))
	case refused.StatusCode == http.StatusServiceUnavailable && strings.Contains(said, "sealed"):
		return fmt.Errorf("%s is sealed: an operator has to run vault operator unseal", v.Address())
	case unrouted(err):
		return fmt.Errorf("%s: no secrets engine is mounted at %s/: name its path with -mount, as vault secrets list shows it", where, v.mount)
	case refused.StatusCode == http.StatusNotFound && strings.Contains(said, "unsupported path"):
		return fmt.Errorf("%s: the engine at %s/ has no such path: it is another engine, or an older version of it", where, v.mount)
	case refused.StatusCode == http.StatusNotFound && said == "":
		return fmt.Errorf("%s: there is no such role", where)
	}
	return fmt.Errorf("%s: %s (status %d)", where, said, refused.StatusCode)
}

// elsewhere reminds of -mount where a path of the mount is refused: Vault does not tell whether there is one.
func (v *vault) elsewhere(path string) string {
	if !strings.HasPrefix(path, v.mount+"/") {
		return ""
	}
	return "; -mount names the path of the engine, if it is not " + v.mount + "/"
}

// unreachable says how to find a Vault that did not answer.
func (v *vault) unreachable(err error) error {
	hint := "VAULT_ADDR or -address says where Vault is"
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		hint = "VAULT_CACERT names the file with the certificate of its authority"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		hint = "this Vault speaks http: begin its address with http://"
	}
	return fmt.Errorf("asking Vault at %s: %w; %s", v.Address(), err, hint)
}

// unrouted reports whether nothing is mounted at the path.
func unrouted(err error) bool {
	var refused *api.ResponseError
	return errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound && strings.Contains(words(refused), "no handler for route")
}

// counted is the line that Vault puts over a list of errors.
var counted = regexp.MustCompile(`^\d+ errors? occurred:$`)

// words are Vault's errors on one line.
func words(refused *api.ResponseError) string {
	var all []string
	for line := range strings.Lines(strings.Join(refused.Errors, "\n")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "* ")
		if line != "" && !counted.MatchString(line) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "; ")
}
