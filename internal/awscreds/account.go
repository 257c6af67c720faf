// SPDX-License-Identifier: MPL-2.0

package awscreds

// Which AWS account a client works in. What AWS says of an account counts for no other.

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Account is one AWS account in the world.
type Account struct {
	Partition string `json:"partition,omitempty"` // such as aws, aws-cn or aws-us-gov
	Number    string `json:"account,omitempty"`   // 12 digits
	// Host is where IAM is called, if that is no name of AWS's: every emulator has the same
	// account numbers.
	Host string `json:"host,omitempty"`
}

// Known reports whether there is an account at all.
func (a Account) Known() bool { return a.Number != "" }

// Same reports whether two accounts are known to be one. A partition that one of them does
// not tell makes no difference.
func (a Account) Same(b Account) bool { return a.SameNumber(b) && a.Host == b.Host }

// SameNumber is Same for accounts that may be called in two places.
func (a Account) SameNumber(b Account) bool {
	return a.Number == b.Number && (a.Partition == b.Partition || a.Partition == "" || b.Partition == "")
}

// String is the account for people.
func (a Account) String() string {
	text := a.Number
	if a.Partition != "" && a.Partition != "aws" {
		text += " (" + a.Partition + ")"
	}
	if a.Host != "" {
		text += " at " + a.Host
	}
	return text
}

// accountOf is the account in an ARN, of a client that calls IAM at a host.
func accountOf(arn, host string) Account {
	id := identityOf(arn)
	return Account{Partition: id.Partition, Number: id.Account, Host: host}
}

// KnownAccount is the account that the client works in, as far as answers have told; it
// calls nobody.
func (c *Client) KnownAccount() Account {
	if a := c.account.Load(); a != nil {
		return *a
	}
	return Account{}
}

// Host is where the client calls IAM; empty where that is AWS itself.
func (c *Client) Host() string { return c.host }

// learn keeps the account in an ARN of our own account's.
func (c *Client) learn(arn string) {
	if c.account.Load() != nil {
		return
	}
	if a := accountOf(arn, c.host); a.Known() {
		c.account.Store(&a)
	}
}

// mayHaveMoved forgets the account when the environment has given the server another key, unless both are known to be of
// one: it may give one of another account while the process runs.
func (c *Client) mayHaveMoved(from, to string) {
	if of := AccountOfKey(from); of == "" || of != AccountOfKey(to) {
		c.account.Store(nil)
	}
}

// AskAccount is KnownAccount, and asks where answers have not told: the credentials, then
// STS, then IAM about our own user. It is the zero value where there is no such action, as in some
// installations that are not AWS's, and an [UntoldError] where AWS refuses to tell or does not answer.
func (c *Client) AskAccount(ctx context.Context) (Account, error) {
	if a := c.KnownAccount(); a.Known() {
		return a, nil
	}
	caller, err := c.WhoAmI(ctx)
	if err != nil {
		user, other := c.LookUpUser(ctx, "") // not everybody has a way to STS
		if other != nil && (!IsUnsupported(err) || !IsUnanswerable(other)) {
			return Account{}, &UntoldError{
				Err:     fmt.Errorf("asking AWS which account this is: %w", errors.Join(err, other)),
				Refused: IsRefused(other), byBoth: IsRefused(err) && IsUnanswerable(other),
			}
		}
		caller.ARN = user.ARN
	}
	c.learn(caller.ARN)
	return c.KnownAccount(), nil
}

// FindAccount is AskAccount for what does as well without: the zero value where AWS refuses to tell, too.
func (c *Client) FindAccount(ctx context.Context) (Account, error) {
	a, err := c.AskAccount(ctx)
	var untold *UntoldError
	if errors.As(err, &untold) && untold.byBoth {
		return Account{}, nil
	}
	return a, err
}

// UntoldError says that AWS did not tell which account a client works in. Refused says that IAM
// answered: to ask again is of no use then, unless there is a way to STS later.
type UntoldError struct {
	Err     error
	Refused bool
	byBoth  bool // STS answered as well: a policy of its endpoint or of the organization may deny it
}

func (e *UntoldError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *UntoldError) Unwrap() error { return e.Err }

// awsSuffixes are the ends of the host names of AWS's own services, of all partitions.
var awsSuffixes = []string{
	".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".cloud.adc-e.uk", ".csp.hci.ic.gov",
	".api.aws", ".api.amazonwebservices.com.cn", ".api.amazonwebservices.eu", ".api.aws.ic.gov", ".api.aws.scloud", ".api.cloud-aws.adc-e.uk", ".api.aws.hci.ic.gov", // dual stack
}

// foreignHost is the host of an endpoint, with its port, unless it is one of AWS's own.
func foreignHost(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := absolute(endpoint)
	if err != nil {
		return endpoint
	}
	return hostOutsideAWS(u)
}

func hostOutsideAWS(u url.URL) string {
	host := strings.ToLower(u.Hostname())
	for _, suffix := range awsSuffixes {
		if strings.HasSuffix(host, suffix) {
			return ""
		}
	}
	if port := u.Port(); port != "" {
		return net.JoinHostPort(host, port)
	}
	return host
}

// AccountOfKey is the account number in the ID of an access key; empty where there is none.
// IDs made since 2019 hold it: bits of the base32 text behind the four letters that say what
// it is. AWS does not document it, so it may confirm and never contradict.
func AccountOfKey(id string) string {
	const prefix, text = 4, 16
	if len(id) < prefix+text || !strings.HasPrefix(id, "A") {
		return ""
	}
	raw, err := base32.StdEncoding.DecodeString(id[prefix : prefix+text])
	if err != nil || len(raw) < 6 {
		return ""
	}
	number := binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:6]...)) & 0x7fffffffff80 >> 7
	if number == 0 || number > 999999999999 {
		return ""
	}
	return fmt.Sprintf("%012d", number)
}
