// SPDX-License-Identifier: MPL-2.0

package engine

// A token in a file of the server's. The token says who the server is, so whoever may write
// config/root decides neither which files are read nor where a token goes: the operator
// of the server does, by flags of the plugin and by its environment. And nobody learns from
// an error which files the server has.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// MostToken is the longest token that STS takes, in characters (STS API Reference,
	// AssumeRoleWithWebIdentity). Its answer to a longer one may repeat it.
	MostToken = 20_000
	// mostTokenFile has room for white space, in bytes.
	mostTokenFile = 32 << 10
)

// envTokenFile names the file of the AWS SDK's default chain. It is the operator's too.
const envTokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE" //nolint:gosec // the name of a variable, and no token

// TokenFiles is what the server's operator allows.
type TokenFiles struct {
	Paths     []string // files, and directories that end in /
	Endpoints []string // STS's, beside AWS's own
}

// Allows reports whether a file may be read. Only the path counts: what it leads to by
// symbolic links is the platform's, which replaces tokens so.
func (f TokenFiles) Allows(path string) bool {
	path = filepath.Clean(path)
	if env := os.Getenv(envTokenFile); env != "" && filepath.Clean(env) == path {
		return true
	}
	for _, entry := range f.Paths {
		clean := filepath.Clean(entry)
		switch {
		case !strings.HasSuffix(entry, "/"):
			if path == clean {
				return true
			}
		case strings.HasPrefix(path, strings.TrimSuffix(clean, "/")+"/"):
			return true
		}
	}
	return false
}

// check gathers what keeps a configuration from using its token file.
func (f TokenFiles) check(c *RootConfig) error {
	var m Mistakes
	if c.TokenFile == "" {
		return nil
	}
	if !f.Allows(c.TokenFile) {
		m.Add("web_identity_token_file", "the server's operator does not allow this file; "+
			"name it in the plugin flag -web-identity-token-files, or in %s of the plugin's environment", envTokenFile)
	}
	endpoint := func(field, url string) {
		if url == "" || awscreds.IsSTS(url) {
			return
		}
		for _, one := range f.Endpoints {
			if awscreds.SameServer(one, url) {
				return
			}
		}
		m.Add(field, "is not AWS's STS over HTTPS, so the token of web_identity_token_file may not go there; "+ // and may hold a password
			"write \"\" to clear it, or have the server's operator name it in the plugin flag -web-identity-sts-endpoints")
	}
	endpoint("sts_endpoint", c.STSEndpoint)
	for _, url := range c.STSFallbackEndpoints {
		endpoint("sts_fallback_endpoints", url)
	}
	return m.Err()
}

// Validate adds to what else is wrong with a write. A write that names none of the fields
// is not refused for what they hold; the next use of the token is.
func (f TokenFiles) Validate(c *RootConfig, d *framework.FieldData, others error) error {
	var m Mistakes
	if others != nil {
		m = append(m, others)
	}
	for _, field := range []string{"web_identity_token_file", "sts_endpoint", "sts_fallback_endpoints"} {
		if _, named := d.Raw[field]; named {
			if err := f.check(c); err != nil {
				m = append(m, err)
			}
			break
		}
	}
	return m.Err()
}

// errNoToken is the answer whatever is wrong with a file: a difference between two
// answers would tell which files the server has.
var errNoToken = UserErrorf("web_identity_token_file: there is no token for the engine; the file must hold a JSON Web Token, " +
	"and the server's operator must allow it, in the plugin flag -web-identity-token-files or in " + envTokenFile +
	" of the plugin's environment. Vault's log says what is wrong")

// fileToken reads a token each time that it is needed: the platform replaces it.
func (m *Mount) fileToken(c *RootConfig) (string, error) {
	if !m.TokenFiles.Allows(c.TokenFile) {
		m.Log.Warn("web_identity_token_file is not allowed", "path", c.TokenFile)
		return "", errNoToken
	}
	if err := m.TokenFiles.check(c); err != nil {
		return "", err // about endpoints: the file was not looked at
	}
	token, err := tokenInFile(filepath.Clean(c.TokenFile))
	if err != nil {
		m.Log.Warn("web_identity_token_file holds no token", "path", c.TokenFile, "error", err)
		return "", errNoToken
	}
	return token, nil
}

// WarnOfTokenFile is a warning where a write names a file that holds no token now. It says what the use of
// the token would say, and is no refusal: the platform may write the file later.
func (m *Mount) WarnOfTokenFile(c *RootConfig, d *framework.FieldData) (warnings []string) {
	if c.TokenFile == "" || d.Raw["web_identity_token_file"] == nil {
		return nil
	}
	if _, err := m.fileToken(c); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// tokenInFile returns the token, or an error that is for the server's log alone.
func tokenInFile(path string) (string, error) {
	about, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("looking at the file: %w", err)
	case !about.Mode().IsRegular(): // a device or a pipe may have no end
		return "", errors.New("it is not a regular file")
	case about.Size() > mostTokenFile:
		return "", fmt.Errorf("it has %d bytes, and a token has %d at most", about.Size(), MostToken)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator allows the file, and only a token leaves this machine
	if err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	switch {
	case len(token) > MostToken:
		return "", fmt.Errorf("it has a token of %d bytes, and STS takes %d at most", len(token), MostToken)
	case !awscreds.IsJWT(token):
		return "", errors.New("it is not a JSON Web Token")
	}
	return token, nil
}
