// SPDX-License-Identifier: MPL-2.0

package awscreds

// Signing people in to the AWS console: a session becomes a sign-in token, and the token a link (IAM
// User Guide, "Enable custom identity broker access to the AWS console"). The keys of the session are
// the body of a POST. AWS takes them in a URL too, where every proxy would write them down.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// signinPath is where the sign-in of every partition takes both of its actions.
const signinPath = "/federation"

// mostSigninToken bounds a sign-in token, in bytes. Those of AWS have one or two thousand.
const mostSigninToken = 16 << 10

// The console takes a session for so long (SessionDuration).
const (
	leastConsole = 15 * time.Minute
	mostConsole  = 12 * time.Hour
)

// signinHosts are the hosts of AWS's sign-in by partition: the page above for aws, and its editions
// for the other partitions.
var signinHosts = map[string]string{
	"aws":        "signin.aws.amazon.com",
	"aws-cn":     "signin.amazonaws.cn",
	"aws-us-gov": "signin.amazonaws-us-gov.com",
	"aws-eusc":   "signin.amazonaws-eusc.eu",
}

// ConsoleLink is a link to the console.
type ConsoleLink struct {
	Session     Session
	Destination string // a page of the console
	Issuer      string // where people sign in again; may be empty
	// Lasts is for how long AWS shall keep the console open. Zero: as long as the session lasts,
	// and the only value that AWS takes for a session that is chained or federated.
	Lasts time.Duration
}

// signinPlace is where, and with what, a client signs people in.
type signinPlace struct {
	url  string         // the configured one
	http aws.HTTPClient // of the SDK
}

// SigninURL is where a client signs people in: as configured, else at AWS's host for a partition. It
// is empty where AWS's sign-in would not know the client's sessions, because another server gives them.
func (c *Client) SigninURL(partition string) string {
	if c.signin.url != "" {
		at, err := absolute(c.signin.url)
		if err != nil {
			return ""
		}
		at.Path = strings.TrimSuffix(strings.TrimSuffix(at.Path, "/"), signinPath) // AWS's page shows it with the path
		return at.String() + signinPath
	}
	if _, foreign := c.ForeignHosts(); foreign != "" || signinHosts[partition] == "" {
		return ""
	}
	return "https://" + signinHosts[partition] + signinPath
}

// SignInToConsole returns a link that opens the console, good for 15 minutes.
func (c *Client) SignInToConsole(ctx context.Context, link ConsoleLink) (string, error) {
	at := c.SigninURL(identityOf(link.Session.ARN).Partition)
	token, err := c.signin.token(ctx, at, link)
	if err != nil {
		return "", fmt.Errorf("getting a sign-in token for the console: %w", &smithy.OperationError{ServiceID: "AWS sign-in", OperationName: "getSigninToken", Err: err})
	}
	query := url.Values{"Action": {"login"}, "Destination": {link.Destination}, "SigninToken": {token}}
	if link.Issuer != "" {
		query.Set("Issuer", link.Issuer)
	}
	return at + "?" + query.Encode(), nil
}

// token asks for a sign-in token, once. No error has anything of the session in it, and nothing of the answer's body.
func (p signinPlace) token(ctx context.Context, at string, link ConsoleLink) (string, error) {
	session, err := json.Marshal(map[string]string{
		"sessionId": link.Session.AccessKeyID, "sessionKey": link.Session.SecretKey, "sessionToken": link.Session.Token,
	})
	if err != nil {
		return "", errors.New("the session cannot be written as JSON")
	}
	form := url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}
	if link.Lasts > 0 {
		form.Set("SessionDuration", strconv.Itoa(int(min(max(link.Lasts, leastConsole), mostConsole)/time.Second)))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("the address of the sign-in is not a URL")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", appID)
	answer, err := p.client().Do(request)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // without the method and the URL
		}
		return "", &smithyhttp.RequestSendError{Err: fmt.Errorf("the sign-in at %s: %w", request.URL.Host, err)}
	}
	defer answer.Body.Close()
	body, err := readBounded(answer.Body)
	var said struct{ SigninToken string }
	switch {
	case err != nil:
	case answer.StatusCode != http.StatusOK:
		err = errors.New("gave no sign-in token")
	case json.Unmarshal(body, &said) != nil || said.SigninToken == "" || len(said.SigninToken) > mostSigninToken:
		err = errors.New("that is not a JSON document with a SigninToken")
	}
	if err != nil {
		return "", noToken(request, answer, err)
	}
	return said.SigninToken, nil
}

// noToken is the error of an answer without a token. AWS's sign-in refuses by a page for people, which
// nobody can tell from that of a proxy.
func noToken(request *http.Request, answer *http.Response, err error) error {
	return fmt.Errorf("%s://%s answered %s with %s, and %w; AWS answers 400 to a session that it does not accept; otherwise check the endpoint, and any proxy in front of it",
		request.URL.Scheme, request.URL.Host, strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))),
		cmp.Or(mediaType(answer.Header), "a body of no type"), err)
}

// client has the proxies and certificates of the SDK's client. It follows nobody who leads the
// keys elsewhere; the SDK's own follows a 307, body and all.
func (p signinPlace) client() *http.Client {
	sdk, ok := p.http.(*awshttp.BuildableClient)
	if !ok { // New has made it so, and the SDK has added to it
		sdk = transport()
	}
	transport := sdk.GetTransport()
	transport.DisableKeepAlives = true // a link now and then needs no connection that stays
	return &http.Client{
		Transport:     transport,
		Timeout:       2 * answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
