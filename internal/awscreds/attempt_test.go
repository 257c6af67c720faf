// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// Every attempt is told, with why it failed.
func TestAttemptsAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  fakeaws.Fault
		reason Reason
		code   string
	}{
		"away":        {fakeaws.Fault{Kind: fakeaws.Cut}, ReasonAway, ""},
		"not well":    {fakeaws.Fault{Kind: fakeaws.Unavailable}, ReasonAway, "ServiceUnavailable"},
		"a proxy":     {fakeaws.Fault{Kind: fakeaws.Foreign, Status: http.StatusBadGateway, Body: "<html>"}, ReasonAway, ""},
		"throttled":   {fakeaws.Fault{Kind: fakeaws.Throttle}, ReasonThrottled, "Throttling"},
		"denied":      {fakeaws.Fault{}, ReasonDenied, "AccessDenied"},
		"a quota":     {fakeaws.Fault{Code: "LimitExceeded", Status: 409}, ReasonQuota, "LimitExceeded"},
		"the key":     {fakeaws.Fault{Code: "InvalidClientTokenId"}, ReasonKey, "InvalidClientTokenId"},
		"the clock":   {fakeaws.Fault{Code: "RequestExpired", Status: 400}, ReasonSignature, "RequestExpired"},
		"the region":  {fakeaws.Fault{Code: "RegionDisabledException"}, ReasonRegion, "RegionDisabledException"},
		"a session":   {fakeaws.Fault{Code: "ExpiredToken"}, ReasonExpired, "ExpiredToken"},
		"unsupported": {fakeaws.Fault{Kind: fakeaws.Unsupported}, ReasonUnsupported, "MethodNotAllowed"},
		"missing":     {fakeaws.Fault{Code: "NoSuchEntity", Status: 404}, ReasonMissing, "NoSuchEntity"},
		"odd":         {fakeaws.Fault{Code: "ValidationError", Status: 400}, ReasonOther, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t)
			var mu sync.Mutex
			var told []Attempt
			key := aws.RootKey()
			client, err := New(t.Context(), Config{
				AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey, IAMEndpoint: aws.URL(), STS: []STSEndpoint{{URL: aws.URL()}},
				Watch: func(a Attempt) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, a)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			aws.SetClock(10 * time.Minute)
			fault := aws.Inject(c.fault)
			if _, err := client.LookUpUser(About(t.Context(), "a test"), ""); err == nil {
				t.Fatal("it went well")
			}
			fault.Remove()
			if _, err := client.LookUpUser(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			first, last := told[0], told[len(told)-1]
			if len(told) != 2 || !first.Failed || first.Reason != c.reason || first.Code != c.code || first.Words == "" || first.About != "a test" {
				t.Errorf("%d attempts: %+v", len(told), first)
			}
			if last.Failed || !last.Answered || last.Service != "IAM" || last.Action != "GetUser" || last.Ahead.Round(time.Minute) != 10*time.Minute || last.RequestID == "" {
				t.Errorf("%+v", last)
			}
		})
	}
}
