// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// shells are those that completion knows.
func shells() []string { return []string{"bash", "zsh", "fish"} }

// completion prints the completion of a shell: of verbs and flags, as the table of verbs has them.
func completion(_ context.Context, c *call) error {
	if len(c.args) != 1 || !slices.Contains(shells(), c.args[0]) {
		return usagef("completion: name one shell: %s", strings.Join(shells(), ", "))
	}
	switch c.args[0] {
	case "bash":
		fmt.Fprint(c.out, bashCompletion())
	case "zsh":
		fmt.Fprint(c.out, zshCompletion())
	case "fish":
		fmt.Fprint(c.out, fishCompletion())
	}
	return nil
}

// wordsAfter are what may follow a verb: flags, and the shells.
func wordsAfter(v verb) (words []string) {
	eachFlag(v, func(name, _ string, takesValue bool) {
		if takesValue {
			name += "="
		}
		words = append(words, "-"+name)
	})
	if v.name == "completion" {
		words = append(words, shells()...)
	}
	return words
}

// eachFlag calls f for each flag of a verb.
func eachFlag(v verb, f func(name, about string, takesValue bool)) {
	v.flagSet(&settings{}).VisitAll(func(found *flag.Flag) {
		value, about := flag.UnquoteUsage(found)
		f(found.Name, about, value != "")
	})
}

func bashCompletion() string {
	var names, cases strings.Builder
	for _, v := range verbs() {
		fmt.Fprintf(&names, " %s", v.name)
		fmt.Fprintf(&cases, "\t%s) words='%s' ;;\n", v.name, strings.Join(wordsAfter(v), " "))
	}
	return `_vault_aws() {
	local words i
	COMPREPLY=()
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then
			type _command_offset >/dev/null 2>&1 && _command_offset $((i + 1))
			return
		fi
	done
	case $COMP_CWORD:${COMP_WORDS[1]} in
	1:*) words='` + names.String()[1:] + `' ;;
` + strings.ReplaceAll(cases.String(), "\t", "\t*:") + `	esac
	while read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
	case ${COMPREPLY[0]-} in
	*=) compopt -o nospace 2>/dev/null ;;
	esac
}
complete -o default -F _vault_aws vault-aws
`
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef vault-aws\nlocal -a verbs\nverbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t'%s:%s'\n", v.name, v.about)
	}
	b.WriteString(")\nif ((CURRENT == 2)); then\n\t_describe verb verbs\n\treturn\nfi\ncase $words[2] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "%s) _arguments", v.name)
		eachFlag(v, func(name, about string, takesValue bool) {
			if takesValue {
				name += "=-"
			}
			fmt.Fprintf(&b, " '-%s[%s]'", name, about)
		})
		switch {
		case v.command:
			b.WriteString(" '*:: :_normal'")
		case v.name == "completion":
			fmt.Fprintf(&b, " '2:shell:(%s)'", strings.Join(shells(), " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("complete -c vault-aws -f\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "complete -c vault-aws -n __fish_use_subcommand -a %s -d '%s'\n", v.name, v.about)
		when := "-n '__fish_seen_subcommand_from " + v.name + "'"
		eachFlag(v, func(name, about string, takesValue bool) {
			more := ""
			if takesValue {
				more = " -r"
			}
			fmt.Fprintf(&b, "complete -c vault-aws %s -o %s%s -d '%s'\n", when, name, more, about)
		})
		if v.name == "completion" {
			fmt.Fprintf(&b, "complete -c vault-aws %s -a '%s'\n", when, strings.Join(shells(), " "))
		}
	}
	return b.String()
}
