// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// verb is one row of the table of verbs: help, parsing and shell completion read it.
type verb struct {
	name, args string
	about      string // one line
	help       string
	role       bool // takes a ROLE, and parameters of its request
	command    bool // takes a command after --
	flags      func(*flag.FlagSet, *settings)
	run        func(context.Context, *call) error
}

// verbs is the table of verbs.
func verbs() []verb {
	return []verb{
		{
			name: "credential-process", args: "ROLE [key=value ...]", role: true, run: credentialProcess,
			about: "print credentials for credential_process in ~/.aws/config",
			help: `Prints the credentials of a role in the format that AWS SDKs and the AWS CLI expect
from a credential_process. Nothing secret is written to disk: every run asks Vault, which
returns the same credential again if the role has share_for.`,
		},
		{
			name: "exec", args: "ROLE [key=value ...] -- COMMAND [argument ...]", role: true, command: true, run: execute,
			about: "run one command with credentials, and revoke them when it ends",
			help: `A session reaches the command through an endpoint on loopback that AWS SDKs read, and is
replaced before it expires. The key of an IAM user is in the command's environment, and
its lease is renewed while the command runs. Signals are passed on to the command, and
the exit status is the command's. If a signal ended it, vault-aws ends by the same
signal, or with status 128 plus the signal's number.`,
		},
		{
			name: "console", args: "ROLE [key=value ...]", role: true, run: console,
			about: "open the AWS console",
			help: `Opens a sign-in link to the AWS console with the program that BROWSER names, or the
desktop's own. Parameters: destination, issuer and ttl, in addition to those of the credentials.`,
			flags: func(f *flag.FlagSet, s *settings) {
				f.BoolVar(&s.print, "print", false, "print the link instead")
			},
		},
		{
			name: "profiles", run: profiles,
			about: "write profiles for the roles to ~/.aws/config",
			help: `Prints what would change in AWS's configuration file (AWS_CONFIG_FILE, or ~/.aws/config):
a profile for each role whose credentials the token may read. The profiles are in a
marked block, and nothing else in the file is changed. With -write it changes the file.`,
			flags: func(f *flag.FlagSet, s *settings) {
				f.BoolVar(&s.write, "write", false, "change the file")
				f.StringVar(&s.prefix, "prefix", "", "`text` to put before the names of the profiles")
			},
		},
		{
			name: "completion", args: strings.Join(shells(), "|"), run: completion,
			about: "print the completion of a shell",
			help: `For bash: source <(vault-aws completion bash). For zsh: vault-aws completion zsh, as a
file _vault-aws on $fpath. For fish: vault-aws completion fish | source.`,
		},
	}
}

// settings are the values of the flags.
type settings struct {
	mount, address, namespace, prefix string
	print, write                      bool
}

// call is one call of a verb.
type call struct {
	settings
	args    []string // what is neither a flag nor the command
	command []string // what follows --
	out     io.Writer
	errs    io.Writer
}

// dispatch finds the verb and runs it.
func dispatch(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return usagef("no verb\n%s", usage())
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(out, usage())
		return nil
	case "-version", "--version", "version":
		fmt.Fprintln(out, version)
		return nil
	}
	for _, v := range verbs() {
		if v.name == args[0] {
			c := &call{out: out, errs: errs}
			if err := v.parse(args[1:], c); err != nil {
				return err
			}
			return v.run(ctx, c)
		}
	}
	if strings.HasPrefix(args[0], "-") {
		return usagef("the flag %s must follow the verb, as in vault-aws exec -mount=aws ROLE -- COMMAND", args[0])
	}
	return usagef("there is no verb %q\n%s", args[0], usage())
}

// usage is the help of the whole program.
func usage() string {
	var b strings.Builder
	b.WriteString("Usage: vault-aws VERB [flags] [arguments]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "  %-19s %s\n", v.name, v.about)
	}
	b.WriteString(`
ROLE is a role of the engine; sts/ROLE and static-creds/ROLE name those paths of it.
key=value are parameters of the request, such as ttl=1h or role_arn=arn:aws:iam::123456789012:role/audit.
Vault is found by VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT and the rest, the token in VAULT_TOKEN or by "vault login".
vault-aws VERB -h has the flags of a verb.
`)
	return b.String()
}

// flagSet declares the flags of a verb.
func (v *verb) flagSet(s *settings) *flag.FlagSet {
	f := flag.NewFlagSet(v.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong is told once
	if !v.asksVault() {
		return f
	}
	f.StringVar(&s.mount, "mount", "aws", "`path` at which the AWS secrets engine is mounted")
	f.StringVar(&s.address, "address", "", "`URL` of Vault, instead of VAULT_ADDR")
	f.StringVar(&s.namespace, "namespace", "", "`namespace` of Vault, instead of VAULT_NAMESPACE")
	if v.flags != nil {
		v.flags(f, s)
	}
	return f
}

// parse reads the arguments of a verb; flags may stand anywhere before the --.
func (v *verb) parse(args []string, c *call) error {
	end := slices.Index(args, "--")
	if end >= 0 {
		args, c.command = args[:end], args[end+1:]
	}
	f := v.flagSet(&c.settings)
	for more := true; more; more = len(args) > 0 {
		err := f.Parse(args)
		if err == flag.ErrHelp { //nolint:errorlint // Parse returns it as it is
			v.printHelp(f, c.out)
			return err
		}
		if err != nil {
			return usagef("%s: %v", v.name, err)
		}
		if args = f.Args(); len(args) > 0 {
			c.args, args = append(c.args, args[0]), args[1:]
		}
	}
	if c.mount = strings.Trim(c.mount, "/"); c.mount == "" && v.asksVault() {
		return usagef("%s: -mount is empty; name the path of the engine, as vault secrets list shows it", v.name)
	}
	return v.check(c, end >= 0)
}

// check refuses arguments that the verb does not take.
func (v *verb) check(c *call, hasCommand bool) error {
	switch {
	case v.role && len(c.args) == 0:
		return usagef("%s: no ROLE: %s", v.name, v.usage())
	case !v.role && v.args == "" && len(c.args) > 0:
		return usagef("%s: takes no argument %q", v.name, c.args[0])
	case !v.command && hasCommand:
		return usagef("%s: takes no command after --", v.name)
	}
	if v.role {
		for _, pair := range c.args[1:] {
			switch key, _, ok := strings.Cut(pair, "="); {
			case v.command && (!ok || key == ""):
				return usagef("%s: %q is not key=value; write -- before the command, as in vault-aws exec %s -- aws s3 ls", v.name, pair, c.args[0])
			case !ok || key == "":
				return usagef("%s: %q is not key=value, such as ttl=1h", v.name, pair)
			}
		}
	}
	if v.command && len(c.command) == 0 {
		return usagef("%s: no command: %s", v.name, v.usage())
	}
	return nil
}

// printHelp prints the help of a verb.
func (v *verb) printHelp(f *flag.FlagSet, out io.Writer) {
	fmt.Fprintf(out, "Usage: %s\n\n%s\n", v.usage(), v.help)
	if v.asksVault() {
		fmt.Fprint(out, "\nFlags:\n")
	}
	f.SetOutput(out)
	f.PrintDefaults()
}

// asksVault reports whether the verb has flags, those about Vault at least.
func (v *verb) asksVault() bool { return v.name != "completion" }

// usage is the form of a call.
func (v *verb) usage() string {
	words := "vault-aws " + v.name
	if v.asksVault() {
		words += " [flags]"
	}
	return strings.TrimSpace(words + " " + v.args)
}
