// SPDX-License-Identifier: MPL-2.0

package awscreds

// What is taken for an answer of AWS, and what is not.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// oddAnswer is one that AWS never gives. ACTION in its body stands for the action that was asked for.
type oddAnswer struct {
	status     int
	kind, body string
	endless    bool
}

const page = "<!DOCTYPE html><html><body><p>Sign in, please: secret-of-the-page</p></body></html>"

var oddAnswers = map[string]oddAnswer{
	"200 empty":               {status: 200},
	"200 OK":                  {status: 200, kind: "text/plain", body: "OK"},
	"200 HTML":                {status: 200, kind: "text/html", body: page},
	"200 XHTML":               {status: 200, kind: "text/html", body: "<html></html>"},
	"200 JSON":                {status: 200, kind: "application/json", body: "{}"},
	"204":                     {status: 204},
	"206 cut short":           {status: 206, kind: "text/xml", body: "<ACTIONResponse>"},
	"200 of another action":   {status: 200, kind: "text/xml", body: "<GetRoleResponse><GetRoleResult/></GetRoleResponse>"},
	"200 with an error":       {status: 200, kind: "text/xml", body: "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>"},
	"200 truncated":           {status: 200, kind: "text/xml", body: "<ACTIONResponse><ACTIONResult>"},
	"200 and more":            {status: 200, kind: "text/xml", body: "<ACTIONResponse/><more/>"},
	"200 endless":             {status: 200, kind: "text/xml", body: "<ACTIONResponse>", endless: true},
	"302":                     {status: 302, kind: "text/html", body: page},
	"304":                     {status: 304},
	"400 without a code":      {status: 400, kind: "text/xml", body: "<ErrorResponse><Error><Code> </Code></Error></ErrorResponse>"},
	"403 HTML":                {status: 403, kind: "text/html", body: page},
	"403 truncated":           {status: 403, kind: "text/xml", body: "<ErrorResponse><Error><Code>AccessDenied</Code>"},
	"403 of S3":               {status: 403, kind: "text/xml", body: "<Error><Code>AccessDenied</Code></Error>"},
	"404 HTML":                {status: 404, kind: "text/html", body: page},
	"404 endless":             {status: 404, kind: "text/html", body: "<html>", endless: true},
	"429 without a document":  {status: 429, kind: "text/plain", body: "slow down"},
	"502 HTML":                {status: 502, kind: "text/html", body: page},
	"503 without a document":  {status: 503},
	"200 of a type too large": {status: 200, kind: strings.Repeat("x", 200) + "/y", body: page},
}

// oddServer answers every call alike, and counts the calls.
func oddServer(t *testing.T, odd oddAnswer) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body := strings.ReplaceAll(odd.body, "ACTION", r.PostFormValue("Action"))
		if odd.kind != "" {
			w.Header().Set("Content-Type", odd.kind)
		}
		w.WriteHeader(odd.status)
		_, err := fmt.Fprint(w, body) //nolint:gosec // no browser reads it
		for odd.endless && err == nil {
			_, err = fmt.Fprint(w, strings.Repeat("<a></a>", 10_000))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func clientAt(t *testing.T, url string, retries int) *Client {
	t.Helper()
	client, err := New(t.Context(), Config{
		AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "x", IAMEndpoint: url, STS: []STSEndpoint{{URL: url}}, MaxRetries: retries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// everyCall is all that a client can be asked for.
var everyCall = map[string]func(context.Context, *Client) error{
	"CreateUser": func(ctx context.Context, c *Client) error {
		_, err := c.CreateUser(ctx, someone)
		return err
	},
	"DeleteUser": func(ctx context.Context, c *Client) error {
		_, err := c.DeleteUser(ctx, someone.Name, Owned{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", PolicyARNs: someone.PolicyARNs, InlinePolicy: "p", Groups: []string{"g"}})
		return err
	},
	"LookUp": func(ctx context.Context, c *Client) error {
		_, err := c.LookUp(ctx, someone.Name)
		return err
	},
	"FindAccount": func(ctx context.Context, c *Client) error {
		_, err := c.FindAccount(ctx)
		return err
	},
	"strip": func(ctx context.Context, c *Client) error {
		return errors.Join((&deletion{Client: c, user: someone.Name}).strip(ctx))
	},
	"EndKey": func(ctx context.Context, c *Client) error {
		_, err := c.EndKey(ctx, someone.Name, "AKIAIOSFODNN7EXAMPLE")
		return err
	},
	"DeleteKey": func(ctx context.Context, c *Client) error {
		return c.DeleteKey(ctx, someone.Name, "AKIAIOSFODNN7EXAMPLE")
	},
	"LookUpUser": func(ctx context.Context, c *Client) error {
		_, err := c.LookUpUser(ctx, "")
		return err
	},
	"Keys": func(ctx context.Context, c *Client) error {
		_, err := c.Keys(ctx, someone.Name)
		return err
	},
	"MakeKey": func(ctx context.Context, c *Client) error {
		_, certain, err := c.MakeKey(ctx, someone.Name, false)
		if certain {
			return errors.New("it is certain that there is no key")
		}
		return err
	},
	"Accepted": func(ctx context.Context, c *Client) error { return c.Accepted(ctx, someone.Name) },
	"WhoAmI": func(ctx context.Context, c *Client) error {
		_, err := c.WhoAmI(ctx)
		return err
	},
	"KeyUser": func(ctx context.Context, c *Client) error {
		_, _, _, err := c.KeyUser(ctx, "AKIAIOSFODNN7EXAMPLE")
		return err
	},
	"ListUsers": func(ctx context.Context, c *Client) error {
		_, _, err := c.ListUsers(ctx, "")
		return err
	},
	"ReadUser": func(ctx context.Context, c *Client) error {
		_, err := c.ReadUser(ctx, someone.Name)
		return err
	},
	"GroupPolicies": func(ctx context.Context, c *Client) error {
		_, err := c.GroupPolicies(ctx, []string{"g"})
		return err
	},
	"AssumeRole": func(ctx context.Context, c *Client) error {
		_, err := c.AssumeRole(ctx, RoleSession{RoleARN: "arn:aws:iam::123456789012:role/r", Name: "session", Duration: time.Hour})
		return err
	},
	"FederatedUser": func(ctx context.Context, c *Client) error {
		_, err := c.FederatedUser(ctx, FederatedSession{Name: "federated", Duration: time.Hour})
		return err
	},
	"OwnSession": func(ctx context.Context, c *Client) error {
		_, err := c.OwnSession(ctx, time.Hour, MFA{})
		return err
	},
	"As": func(ctx context.Context, c *Client) error {
		_, err := c.As(RoleSession{RoleARN: "arn:aws:iam::123456789012:role/r", Name: "session"}).LookUpUser(ctx, "someone")
		return err
	},
}

// Whatever a client is asked for: an odd answer is no success, no refusal and no certainty.
func TestOnlyAWSAnswers(t *testing.T) {
	t.Parallel()
	for name, odd := range oddAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := oddServer(t, odd)
			for call, do := range everyCall {
				err := do(t.Context(), clientAt(t, url, 0))
				var none *NoAnswerError
				switch {
				case !errors.As(err, &none):
					t.Errorf("%s: got %v", call, err)
				case none.Status != odd.status || none.Endpoint != url:
					t.Errorf("%s: got %+v", call, none)
				case Code(err) != "" || IsRefused(err) || IsNotFound(err) || isNotCreated(err) || !IsFromAWS(err):
					t.Errorf("%s: taken for an answer of AWS: %v", call, err)
				case notDone(err) && call != "As": // whose call never left, for want of credentials
					t.Errorf("%s: it is certain that nothing was done: %v", call, err)
				case IsThrottled(err) != (odd.status == http.StatusTooManyRequests):
					t.Errorf("%s: throttled %v", call, IsThrottled(err))
				case strings.Contains(err.Error(), "secret-of-the-page") || !strings.Contains(err.Error(), url):
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

// The right root alone is not enough where something in it is needed.
func TestAnswersThatLackWhatIsNeeded(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no result":     "<ACTIONResponse/>",
		"empty result":  "<ACTIONResponse><ACTIONResult/></ACTIONResponse>",
		"empty members": "<ACTIONResponse><ACTIONResult><AccessKey/><Credentials/><AssumedRoleUser/><FederatedUser/><Arn/></ACTIONResult></ACTIONResponse>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := oddServer(t, oddAnswer{status: 200, kind: "text/xml", body: body})
			for _, call := range []string{"CreateUser", "MakeKey", "LookUpUser", "Accepted", "WhoAmI", "KeyUser", "ReadUser", "AssumeRole", "FederatedUser", "OwnSession", "As"} {
				if err := everyCall[call](t.Context(), clientAt(t, url, 0)); err == nil || isNotCreated(err) || IsRefused(err) {
					t.Errorf("%s: got %v", call, err)
				}
			}
		})
	}
}

// An odd answer is tried again like a 5xx, one of throttling for longer.
func TestOddAnswersAreTriedAgain(t *testing.T) {
	t.Parallel()
	url, calls := oddServer(t, oddAnswers["200 HTML"])
	if _, err := clientAt(t, url, -1).LookUpUser(t.Context(), ""); !isNoAnswer(err) || calls.Load() != usualAttempts {
		t.Errorf("%d calls: %v", calls.Load(), err)
	}
	aws := fakeaws.New(t)
	met := aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Foreign, Status: http.StatusTooManyRequests, Times: usualAttempts + 1})
	if _, err := newClient(t, aws, -1).LookUpUser(t.Context(), ""); err != nil || met.Hits() != usualAttempts+1 {
		t.Errorf("%d calls: %v", met.Hits(), err)
	}
}

// AWS may have made the user of which a gateway says something else.
func TestOddAnswerToACreationThatWasDone(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 2)
	aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.ForeignAfter, Status: http.StatusForbidden, Body: page, Times: 1})
	mustDelete(t, client, someone.Name, mustCreate(t, client, someone))
}

// A connection that breaks in the middle of an answer.
func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = fmt.Fprintf(w, "<%sResponse>", r.PostFormValue("Action")) //nolint:gosec // no browser reads it
	}))
	t.Cleanup(server.Close)
	if _, err := clientAt(t, server.URL, 0).CreateUser(t.Context(), someone); !isNoAnswer(err) || isNotCreated(err) {
		t.Errorf("got %v", err)
	}
}

// What container and instance metadata answer is bounded, and never ends the process.
func TestOddCredentialEndpoints(t *testing.T) {
	for _, name := range []string{"200 empty", "200 HTML", "200 JSON", "200 endless", "404 endless"} {
		t.Run(name, func(t *testing.T) {
			url, _ := oddServer(t, oddAnswers[name])
			for variable, value := range map[string]string{
				"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/credentials",
				"AWS_EC2_METADATA_SERVICE_ENDPOINT":  url,
			} {
				t.Run(variable, func(t *testing.T) {
					t.Setenv(variable, value)
					t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
					client, err := New(t.Context(), Config{IAMEndpoint: url, MaxRetries: 0})
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					if _, err := client.LookUpUser(ctx, ""); err == nil {
						t.Error("it went well")
					}
				})
			}
		})
	}
}

// A panic in a change is the change's error, and the others are made all the same.
func TestPanicInAWave(t *testing.T) {
	t.Parallel()
	client := newClient(t, fakeaws.New(t), 0)
	var made atomic.Int64
	var changes []change
	for i := range 5 {
		changes = append(changes, func(context.Context) error {
			if i%2 == 0 {
				panic("a mistake")
			}
			made.Add(1)
			return nil
		})
	}
	if err := client.makeAll(t.Context(), changes); err == nil || made.Load() != 2 {
		t.Errorf("made %d: %v", made.Load(), err)
	}
}

// A panic of the provider of an identity is an error of whoever needs the identity.
func TestPanicOfAnIdentity(t *testing.T) {
	t.Parallel()
	client, err := New(t.Context(), Config{RoleARN: "arn:aws:iam::123456789012:role/r", Token: func(context.Context) (string, error) { panic("a mistake") }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.LookUpUser(t.Context(), ""); err == nil {
		t.Error("it went well")
	}
}
