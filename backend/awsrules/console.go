// SPDX-License-Identifier: MPL-2.0

package awsrules

// Links to the AWS console. Who opens one is signed in, so it must lead nowhere else.

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// mostURL is how long a page of the console may be, in bytes: with the sign-in token it is part of a
// URL that browsers and proxies have to take.
const mostURL = 2048

// consoles are the domains of the console by partition (AWS Management Console Getting Started Guide,
// and its editions for the other partitions). Those of the isolated ones are not public.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com",
	"aws-eusc":   "console.amazonaws-eusc.eu",
}

// ConsoleHome is the first page of the console of a partition; empty where that is not known.
func ConsoleHome(partition string) string {
	if consoles[partition] == "" {
		return ""
	}
	return "https://" + consoles[partition] + "/"
}

// subdomain is what may stand before a console's domain: regions, services, accounts.
var subdomain = regexp.MustCompile(`^([a-z0-9-]{1,63}\.)*$`)

// CheckDestination says what keeps a text from being a page of a console of AWS's, and else of which
// partition's. It is strict about what programs read in different ways.
func CheckDestination(text string) (partition string, err error) {
	const like = "such as https://eu-central-1.console.aws.amazon.com/s3/home"
	switch {
	case len(text) > mostURL:
		return "", fmt.Errorf("has %d bytes; the limit is %d", len(text), mostURL)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return "", errors.New(`contains white space, a backslash, or a character that is not ASCII; encode it, as in %20`)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return "", errors.New("is not an https URL of the AWS console, " + like)
	case u.User != nil || u.Port() != "" || strings.ContainsAny(u.Host, "@:"):
		return "", errors.New("must name neither user nor port; use a URL of the AWS console, " + like)
	case strings.HasPrefix(u.EscapedPath(), "//"):
		return "", errors.New("has a path that begins with //; use one slash")
	}
	host := strings.ToLower(u.Host)
	for partition, domain := range consoles {
		if before, ok := strings.CutSuffix(host, domain); ok && subdomain.MatchString(before) {
			return partition, nil
		}
	}
	return "", fmt.Errorf("leads to %s, which is not the AWS console; use a page of it, %s", Abridged(u.Host), like)
}

// CheckIssuer says what keeps a text from being the page where people sign in. AWS's page calls it a
// URL, and has a mere host in one of its examples (IAM User Guide, "Enable custom identity broker
// access to the AWS console").
func CheckIssuer(text string) error {
	switch u, err := url.Parse(text); {
	case len(text) > mostURL:
		return fmt.Errorf("has %d bytes; the limit is %d", len(text), mostURL)
	case err != nil, strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }),
		!slices.Contains([]string{"", "https", "http"}, u.Scheme), u.User != nil:
		return errors.New("is not the URL of a page where people sign in, such as https://vault.example.com")
	}
	return nil
}
