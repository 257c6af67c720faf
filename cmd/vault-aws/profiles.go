// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// roleForm is what a role is called. Its name becomes part of a command line, so nothing else is written to one.
var roleForm = regexp.MustCompile(`^\w([\w.@-]*\w)?$`)

// plain is text that a shell takes as it is.
var plain = regexp.MustCompile(`^[\w./:@+,-]+$`)

// profiles writes a profile for each role that the token may read, or says what it would write.
func profiles(ctx context.Context, c *call) error {
	v, err := c.connect()
	if err != nil {
		return err
	}
	roles, err := v.readableRoles(ctx)
	if err != nil {
		return err
	}
	file, err := findConfiguration()
	if err != nil {
		return err
	}
	if c.write {
		unlock, err := file.lock(ctx, c.errs)
		if err != nil {
			return err
		}
		defer unlock()
	}
	old, err := file.read()
	if err != nil {
		return err
	}
	b := block{title: v.title()}
	before, now, after, err := b.cut(old)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	wanted, err := c.profilesOf(v, roles, before+after)
	if err != nil {
		return err
	}
	if now == wanted {
		say(c.errs, "%s has these profiles already", file)
		return nil
	}
	fmt.Fprintf(c.out, "--- %s\n+++ %s\n%s", file, file, difference(now, wanted))
	if !c.write {
		say(c.errs, "nothing is written; -write does it")
		return nil
	}
	return file.replace(b.paste(before, wanted, after))
}

// readableRoles are the paths whose credentials the token may read: creds/NAME and static-creds/NAME.
func (v *vault) readableRoles(ctx context.Context) (readable []string, err error) {
	var paths []string
	for _, kind := range []struct{ list, read string }{{"roles", "creds"}, {"static-roles", "static-creds"}} {
		names, err := v.list(ctx, v.path(kind.list))
		if err != nil && kind.read == "creds" {
			return nil, err // static roles are few people's, and so is the right to list them
		}
		for _, name := range names {
			paths = append(paths, kind.read+"/"+name)
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	full := make([]string, len(paths))
	for i, path := range paths {
		full[i] = v.path(path)
	}
	may, err := v.write(ctx, "sys/capabilities-self", map[string]any{"paths": full})
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		capabilities := texts(may.Data[full[i]])
		if slices.Contains(capabilities, "read") || slices.Contains(capabilities, "root") {
			readable = append(readable, path)
		}
	}
	return readable, nil
}

// title tells the blocks of several mounts and servers apart.
func (v *vault) title() string {
	where := v.mount + " at " + v.Address()
	if namespace := v.Namespace(); namespace != "" {
		where += ", namespace " + namespace
	}
	return where
}

// profilesOf is the text of the profiles, without those that the rest of the file has, since AWS's tools refuse a file
// that has a profile twice, and without those that have credentials in the credentials file, which SDKs prefer.
func (c *call) profilesOf(v *vault, roles []string, rest string) (string, error) {
	command, err := c.commandLine(v)
	if err != nil {
		return "", err
	}
	var taken []string
	for line := range strings.Lines(rest) {
		if name, ok := sectionOf(line); ok {
			taken = append(taken, name)
		}
	}
	beside := credentialsFile.path(os.Environ())
	static, err := os.ReadFile(beside) //nolint:gosec // the file that the SDKs would read
	if err != nil {
		static = nil // SDKs find nothing there either
	}
	var b strings.Builder
	for _, role := range roles {
		kind, name, _ := strings.Cut(role, "/")
		profile := c.prefix + name
		if kind == "creds" {
			role = name
		}
		switch {
		case !roleForm.MatchString(name):
			say(c.errs, "%q is left out: it is not a name that the engine gives a role", name)
		case profile == "default":
			say(c.errs, "%s is left out: the profile default is that of every command; -prefix gives it another name", role)
		case slices.Contains(taken, profile):
			say(c.errs, "%s is left out: there is another profile %s; -prefix gives it another name", role, profile)
		case slices.ContainsFunc(sectionSettings(string(static), profile), credentialSetting.MatchString):
			say(c.errs, "%s is left out: %s has credentials of a profile %s, which AWS's SDKs would prefer; -prefix gives it another name", role, beside, profile)
		default:
			taken = append(taken, profile)
			fmt.Fprintf(&b, "[profile %s]\ncredential_process = %s %s\n", profile, command, role)
		}
	}
	return b.String(), nil
}

// commandLine begins the command of a profile. A program that reads the profile may run without the environment of a
// terminal, so all but the token is in it.
func (c *call) commandLine(v *vault) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program's own path: %w", err)
	}
	words := []string{program, "credential-process", "-address=" + v.Address(), "-mount=" + v.mount}
	if namespace := v.Namespace(); namespace != "" {
		words = append(words, "-namespace="+namespace)
	}
	for i, word := range words {
		switch {
		case !plain.MatchString(strings.ReplaceAll(strings.ReplaceAll(word, " ", ""), "=", "")):
			return "", fmt.Errorf("%q cannot be written to a command line; use a name without quotes and other signs of a shell", word)
		case strings.Contains(word, " "):
			words[i] = `"` + word + `"`
		}
	}
	if c.prefix != "" && !roleForm.MatchString(c.prefix+"x") {
		return "", usagef("profiles: -prefix %q cannot begin the name of a profile; use letters, digits and _ . @ -", c.prefix)
	}
	return strings.Join(words, " "), nil
}
