// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is tidy in the matrix: a user that has no record, to be deleted, among users that are none of tidy's
// business. A run goes on when its request was answered, with the storage that the request came with. So its steps are
// the mount's as any request's are, from the first report in storage to the second.

// tidyReport is the step at which a report of tidy is stored: when a run begins, and when it ends.
const tidyReport = "after put tidy-status"

// orphan is the user that nothing speaks for.
const orphan = "lost"

// tidyOrder says that storage was set back: the orphan is older than the engine.
var tidyOrder = map[string]any{"delete": true, "safety_buffer": "15m", "restored": true}

// proven are the tags of a user of the engine's, for another user of the same mount.
func proven(v *stepping.Vault, c *crashCase, tags map[string]string, user string) (map[string]string, error) {
	var secret struct {
		Key []byte `json:"key"`
	}
	if there, err := v.Stored("logical/"+c.UUID+"/ownership-key", &secret); err != nil || !there {
		return nil, fmt.Errorf("the mount has no key for its proofs: %w", err)
	}
	mac := hmac.New(sha256.New, secret.Key)
	fmt.Fprintf(mac, "%s\n%s\n%s", user, tags["vault-created"], "before")
	tags = maps.Clone(tags)
	tags["vault-proof"] = "before/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return tags, nil
}

// strewn has the operation find the orphan, a user of another mount, one of this mount that is too young, and the live
// lease's, which is old enough to be deleted and has nothing but its record for it.
func strewn(v *stepping.Vault, c *crashCase) error {
	user, _ := c.Account.User(c.Account.Users()[0])
	if user.Tags["vault-mount"] == "" {
		return fmt.Errorf("the engine's user %s has only the tags %v", user.Name, user.Tags)
	}
	elsewhere := maps.Clone(user.Tags)
	elsewhere["vault-mount"] = "elsewhere/3f0c2d8e-0000-0000-0000-000000000000"
	aws := fakeaws.Client{Endpoint: c.Account.URL(), Key: c.Account.RootKey()}
	about := func(action, name string, params url.Values) error {
		params.Set("UserName", name)
		_, err := aws.Do(v.T.Context(), "iam", action, params)
		return err
	}
	c.Account.AddUser("elsewhere")
	ours, err := proven(v, c, user.Tags, orphan)
	if err != nil {
		return err
	}
	err = errors.Join(
		about("TagUser", "elsewhere", inParams(elsewhere)),
		about("CreateUser", orphan, inParams(ours)),
		about("CreateAccessKey", orphan, url.Values{}),
		about("AttachUserPolicy", orphan, url.Values{"PolicyArn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"}}),
		about("AddUserToGroup", orphan, url.Values{"GroupName": {"dev"}}),
	)
	c.Account.Age(2 * time.Hour)
	c.Account.AddUser("young")
	err = errors.Join(err, about("TagUser", "young", inParams(user.Tags)))
	c.orphan, c.strangers = orphan, map[string]fakeaws.User{}
	for _, name := range []string{"app", "elsewhere", "young"} {
		c.strangers[name], _ = c.Account.User(name)
	}
	return err
}

// inParams are tags as IAM takes them.
func inParams(tags map[string]string) url.Values {
	params := url.Values{}
	for i, key := range slices.Sorted(maps.Keys(tags)) {
		params.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), key)
		params.Set(fmt.Sprintf("Tags.member.%d.Value", i+1), tags[key])
	}
	return params
}

// harmed are the strangers that are not as they were, but for their age.
func (c *crashCase) harmed() (names []string) {
	for name, was := range c.strangers {
		is, _ := c.Account.User(name)
		if is.Created = was.Created; !reflect.DeepEqual(is, was) {
			names = append(names, name)
		}
	}
	return names
}

// tidyUp starts tidy and waits for the end of its run, or of the process.
func tidyUp(v *stepping.Vault, c *crashCase) (server.Answer, error) {
	a, err := v.Request(http.MethodPost, c.Mount+"/tidy", tidyOrder)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err == nil && a.Status < 300 && c.seq.Count(tidyReport) < 2 {
		select {
		case <-tick.C:
		case <-c.seq.Open:
			return a, nil
		case <-v.T.Context().Done():
			return a, v.T.Context().Err()
		}
	}
	return a, err
}

// tidyAgain sees that the run that was interrupted says so, and not that it runs for ever; then tidy has to find what
// that run left.
func tidyAgain(v *stepping.Vault, c *crashCase) error {
	was, err := tidyStatus(v, c.Mount)
	if err != nil {
		return err
	}
	_, there := c.Account.User(orphan)
	c.said = fmt.Sprint(was.Data("state"))
	why := fmt.Sprint(was.Data("error"))
	switch {
	case there && was.Data("deleted_count") != 0.0:
		return fmt.Errorf("the orphan is there, and tidy/status has it deleted: %s", was.Text)
	case c.said == "error" && strings.Contains(why, "interrupted"):
	case c.said == "error" && strings.Contains(why, noAnswer), c.said == "finished" && gaveUp(was): // Vault drained for so long that tidy gave AWS up
	case c.said == "finished" && !there && was.Data("errors_count") == 0.0: // Vault has sent the request once more
	case c.said == "idle" && c.seq.Count(tidyReport) == 0:
	default:
		return fmt.Errorf("after the crash, with the orphan there: %v, tidy/status is %s", there, was.Text)
	}
	if _, err := v.Demand(http.MethodPost, c.Mount+"/tidy", tidyOrder); err != nil {
		return err
	}
	is, err := tidyStatus(v, c.Mount)
	if err != nil {
		return err
	}
	for key, want := range map[string]any{
		"state": "finished", "errors_count": 0.0, "found_count": is.Data("deleted_count"), "users_recorded": 1.0,
		"users_too_young": 1.0, "users_of_other_mounts": 1.0, "users_without_our_tags": 2.0, // app and vault-root
	} {
		if is.Data(key) != want {
			err = errors.Join(err, fmt.Errorf("%s of the next run is %v and not %v: %s", key, is.Data(key), want, is.Text))
		}
	}
	return err
}

// noAnswer is how the engine words that AWS did not answer in time.
const noAnswer = "AWS did not answer"

// gaveUp says whether a run met errors, and tells of each that AWS did not answer in time.
func gaveUp(status server.Answer) bool {
	errs, _ := status.Data("errors").([]any)
	return len(errs) > 0 && status.Data("errors_count") == float64(len(errs)) &&
		!slices.ContainsFunc(errs, func(one any) bool { return !strings.Contains(fmt.Sprint(one), noAnswer) })
}

// tidyStatus is what tidy/status says when no run is under way any more.
func tidyStatus(v *stepping.Vault, mount string) (server.Answer, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		status, err := v.Demand(http.MethodGet, mount+"/tidy/status", nil)
		if err != nil || status.Data("state") != "running" {
			return status, err
		}
		if time.Now().After(deadline) {
			return status, fmt.Errorf("tidy runs for ever: %s", status.Text)
		}
	}
}
