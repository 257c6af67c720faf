// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// rivals are variables that AWS's SDKs and tools, of today and of earlier versions, prefer to the credentials of exec.
// VAULT_* stays: the command may use Vault as its user does.
var rivals = []string{
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN",
	"AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_FILE",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
}

// childEnvironment is an environment without the rivals.
func childEnvironment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(rivals, name) || strings.HasPrefix(name, "AWS_BEARER_TOKEN_") // of one service each
	})
}

// credentialSetting is a setting of a profile from which SDKs take credentials before they ask an endpoint (AWS SDKs and
// Tools Reference Guide, "Standardized credential providers").
var credentialSetting = regexp.MustCompile(`^(aws_access_key_id|credential_process|role_arn|sso_\w+|web_identity_token_file|login_session)\s*=`)

// awsFile is one of the two files in which AWS's SDKs look for profiles: the variable that names it, else its name in ~/.aws.
type awsFile struct{ variable, name string }

var (
	credentialsFile = awsFile{"AWS_SHARED_CREDENTIALS_FILE", "credentials"}
	configFile      = awsFile{"AWS_CONFIG_FILE", "config"}
)

// path is where the file is.
func (f awsFile) path(env []string) string {
	return cmp.Or(value(env, f.variable), filepath.Join(value(env, "HOME"), ".aws", f.name))
}

// hideDefaultProfile returns the variables that keep SDKs from credentials in the profile default, which they prefer to
// an endpoint, and what is to be said of it. The region of that profile remains.
func hideDefaultProfile(env []string) (add, notes []string) {
	for _, file := range []awsFile{credentialsFile, configFile} {
		path := file.path(env)
		content, err := os.ReadFile(path) //nolint:gosec // the file that the SDKs would read
		if err != nil {
			continue // they would find nothing there either
		}
		settings := sectionSettings(string(content), "default")
		if !slices.ContainsFunc(settings, credentialSetting.MatchString) {
			continue
		}
		add = append(add, file.variable+"="+os.DevNull)
		notes = append(notes, fmt.Sprintf("%s has credentials in its profile default, which AWS's SDKs would prefer: the command does not see this file", path))
		for _, setting := range settings {
			if key, region, ok := strings.Cut(setting, "="); ok && strings.TrimSpace(key) == "region" {
				for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
					if value(env, variable) == "" {
						add = append(add, variable+"="+strings.TrimSpace(region))
					}
				}
			}
		}
	}
	return add, notes
}

// value is that of a variable; the last of a name counts.
func value(env []string, name string) string {
	for _, pair := range slices.Backward(env) {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			return text
		}
	}
	return ""
}

// sectionName is the first line of a section of AWS's files: [default], [profile name], [profile "a name"].
var sectionName = regexp.MustCompile(`^\[\s*(?:profile\s+)?["']?([^"'\]]*?)["']?\s*\]`)

// sectionOf is the profile that a line begins.
func sectionOf(line string) (profile string, ok bool) {
	found := sectionName.FindStringSubmatch(strings.TrimSpace(line))
	if found == nil {
		return "", false
	}
	return found[1], true
}

// sectionSettings are the lines of a profile, without blanks around them.
func sectionSettings(content, profile string) (settings []string) {
	inside := false
	for line := range strings.Lines(content) {
		if name, ok := sectionOf(line); ok {
			inside = name == profile
		} else if inside {
			settings = append(settings, strings.TrimSpace(line))
		}
	}
	return settings
}
