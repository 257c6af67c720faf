// SPDX-License-Identifier: MPL-2.0

package status

// What is wrong, and what to do about it: a sentence each, the worst first.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// mostAhead is how far the clocks may be apart before it is told. AWS refuses calls at 15 minutes
	// (IAM User Guide, "Troubleshoot Signature Version 4"), so there is time to mend it.
	mostAhead = 2 * time.Minute

	// givenUp is when Vault has marked a lease irrevocable: it tries six times, over some minutes, and from then on once a day.
	givenUp = 15 * time.Minute

	// silence is how long there may be no heartbeat before it is told.
	silence = 3 * time.Minute

	// mostTold is how many sentences of one kind there are, and mostProblems how many in all: who reads them mends
	// the first ones first.
	mostTold     = 3
	mostProblems = 12
)

// rules are in the order in which problems are told.
var rules = []func(Facts, snapshot) []string{
	storage, configured, ownEnded, func(f Facts, s snapshot) []string { return failing(s.calls, f) }, clock, account, throttling,
	notEnded, notDenied, waiting, static, rootKey, cutOff, caps, chores,
}

// problems is all that is wrong.
func problems(f Facts, s snapshot) []string {
	all := []string{}
	for _, rule := range rules {
		all = append(all, rule(f, s)...)
	}
	if more := len(all) - mostProblems; more > 0 {
		all = append(all[:mostProblems], fmt.Sprintf("There are %d more problems; fix these first.", more))
	}
	return all
}

// storage is about writes that Vault's storage did not take.
func storage(f Facts, _ snapshot) (list []string) {
	for _, err := range f.Unread {
		text := fmt.Sprintf("Vault's storage cannot be read: %v. Check the storage backend of this server; without it the engine neither makes nor ends IAM users.", err)
		if engine.IsUnreadable(err) {
			text = fmt.Sprintf("An entry of Vault's storage cannot be read: %v.", err)
		}
		if !slices.Contains(list, text) { // several answers are made from one entry
			list = append(list, text)
		}
	}
	if f.Writes.Err != nil && f.Writes.Failed.After(f.Writes.Went) {
		list = append(list, fmt.Sprintf("Vault's storage takes no writes since %v: %v. Check the storage backend (disk full, read-only, no quorum); "+
			"until it takes writes the engine makes no IAM users and deletes none.", engine.Stamp(f.Writes.Failed), f.Writes.Err))
	}
	return list
}

// configured is about config/root as it is stored.
func configured(f Facts, _ snapshot) (list []string) {
	for _, wrong := range f.Root.Config {
		list = append(list, fmt.Sprintf("config/root cannot be used: %s. Write what it asks for.", strings.TrimSuffix(wrong, ".")))
	}
	return list
}

func clock(f Facts, s snapshot) []string {
	if s.ahead.Abs() < mostAhead {
		return nil
	}
	which := "behind"
	if s.ahead < 0 {
		which = "ahead of"
	}
	return []string{fmt.Sprintf("This server's clock is %s %s AWS's, by the answer at %v: leases end at wrong times, and AWS refuses all calls from 15m0s on. Set the clock of this server (NTP).",
		s.ahead.Abs().Round(10*time.Second), which, engine.Stamp(s.aheadAt))}
}

func account(f Facts, _ snapshot) []string {
	if f.Root.Foreign == 0 {
		return nil
	}
	return []string{fmt.Sprintf("config/root leads to AWS account %s, and %s in account %s, which cannot be ended from there. Write credentials of account %s to config/root, or, if that is closed, drop the records with issued/<username>/forget.",
		f.Root.Account, were(f.Root.Foreign), f.Root.Home, f.Root.Home)}
}

func were(n int) string {
	if n == 1 {
		return "1 IAM user of this mount was made"
	}
	return fmt.Sprintf("%d IAM users of this mount were made", n)
}

func throttling(f Facts, s snapshot) []string {
	list := throttledNow(s.calls, f)
	if len(list) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("AWS throttles the engine: %s. Calls are retried automatically; if it lasts, find who else calls IAM in the account (CloudTrail), or issue fewer IAM users: sessions of assumed_role cost no call of IAM.", told(list))}
}

// notEnded is about users whose end does not go on.
func notEnded(f Facts, s snapshot) (list []string) {
	var late []string
	for _, r := range f.Records.Ending {
		age := f.Now.Sub(r.Since)
		why, known := s.ends[r.User]
		if !known && age < givenUp {
			continue
		}
		text := fmt.Sprintf("%s of role %s, since %v", r.User, r.Role, engine.Stamp(r.Since))
		if known {
			text += ": " + why.words
		}
		late = append(late, text)
	}
	for _, r := range f.Records.Outlived {
		if why, tried := s.ends[r.User]; tried {
			late = append(late, fmt.Sprintf("%s of role %s, whose lease is over: %s", r.User, r.Role, why.words))
		}
	}
	if len(late) == 0 {
		return nil
	}
	what := "The engine tries again after some minutes (-wal-min-age, 5m by default) and then once a minute; fix what AWS says. To try now, delete issued/<username>"
	if len(f.Records.Ending) > 0 && f.Now.Sub(f.Records.Ending[0].Since) >= givenUp {
		what = "The engine tries again once a minute; Vault tries leases that sys/leases?type=irrevocable lists only once a day. Fix what AWS says, then delete issued/" + f.Records.Ending[0].User + ", and drop its lease, if Vault lists it there, with vault lease revoke -force -prefix <lease_id>"
	}
	return []string{fmt.Sprintf("%s should be gone and may still have a key that works: %s. %s.", engine.Counted(len(late), "IAM user"), told(late), what)}
}

// notDenied is about sessions that are not denied though they were revoked, and about roles with little room to deny more.
func notDenied(f Facts, _ snapshot) (list []string) {
	for _, d := range f.Denials {
		of := fmt.Sprintf("AWS role %s of account %s", d.Role, d.Account)
		if d.Failed != nil {
			list = append(list, fmt.Sprintf("Sessions of %s are not revoked, since %v, and live until %v: %s. Fix what it says, then revoke their leases again, or end all sessions of the role with roles/<name>/revoke-sessions.",
				of, engine.Stamp(d.Since), engine.Stamp(d.Until), abridged(awscreds.Explain(d.Failed))))
		}
		if d.Untended != nil {
			list = append(list, fmt.Sprintf("The policy that denies revoked sessions of %s cannot be brought up to date, since %v: %s. The engine tries again once a minute; fix what it says.",
				of, engine.Stamp(d.UntendedSince), abridged(awscreds.Explain(d.Untended))))
		}
		if d.NearlyFull() {
			list = append(list, fmt.Sprintf("%s denies %d sessions of the about %d that its policy has room for; beyond that revocations fail, and the sessions live until they end. "+
				"There is more room from %v on; lower max_sts_ttl of the roles, so that sessions end sooner, and make inline policies of the AWS role managed ones.", of, d.Denied, d.Denied+d.Room, engine.Stamp(d.First)))
		}
	}
	if more := len(list) - mostTold; more > 0 {
		list = append(list[:mostTold], fmt.Sprintf("%d more of revoked sessions; status -detailed lists the AWS roles.", more))
	}
	return list
}

// ownEnded is about sessions of the engine's own that somebody ended. The engine mends it.
func ownEnded(f Facts, _ snapshot) (list []string) {
	for _, o := range f.Own {
		what := fmt.Sprintf("Wait until %v, when the engine gets new sessions; you need not do anything", engine.Stamp(o.Until.Add(time.Minute)))
		if o.Late {
			what = "The instance, container or function that this server runs in still gives the old session. Wait until it has a new one, which can take hours, or write another identity to config/root"
		}
		list = append(list, fmt.Sprintf("AWS may refuse all that the engine asks for as AWS role %s of account %s: roles/<name>/revoke-sessions ended the engine's own sessions of it, too, at %v. %s.",
			o.Role, o.Account, engine.Stamp(o.Since), what))
	}
	return list
}

// waiting is about a gap in the heartbeat: this storage may be a copy.
func waiting(f Facts, _ snapshot) []string {
	if !f.Gap.Cautious(f.Now) {
		return nil
	}
	return []string{fmt.Sprintf("This storage may be a copy: the engine's heartbeat had a gap from %s to %v. Until %v rotations by schedule delete no key and tidy by schedule deletes no user. "+
		"If no other server works with the same storage, write resume=true to config/gap. If one does, stop the server that works with the copy; do not disable this mount, "+
		"which would delete the IAM users that the other one has made.", f.Gap.LastText(), engine.Stamp(f.Gap.Noticed), engine.Stamp(f.Gap.Until))}
}

func static(f Facts, _ snapshot) []string {
	if len(f.Static.Failing) == 0 {
		return nil
	}
	var list []string
	for _, r := range f.Static.Failing {
		list = append(list, r.Name+": "+r.Words)
	}
	return []string{fmt.Sprintf("%s not rotated: %s. A role keeps its key meanwhile, unless it says here that there is none. The rotation is retried automatically; fix what it says, then write to static-roles/<name>/rotate.", are(len(list), "static role"), told(list))}
}

func rootKey(f Facts, _ snapshot) []string {
	why, _ := f.Root.Rotation["rotation_error"].(string)
	if why == "" {
		return nil
	}
	return []string{fmt.Sprintf("The root key is not rotated, or the old one is not deleted, since %v: %s. The engine goes on with the key that it has; fix what it says, then write to config/rotate-root.", f.Root.Rotation["rotation_failed_at"], strings.TrimSuffix(why, "."))}
}

// cutOff is about users that were being made when their request ended.
func cutOff(f Facts, s snapshot) []string {
	n := len(f.Records.Creating)
	if n == 0 {
		return nil
	}
	var list []string
	for _, r := range f.Records.Creating {
		text := fmt.Sprintf("%s of role %s, begun at %v", r.User, r.Role, engine.Stamp(r.Since))
		if why, tried := s.ends[r.User]; tried {
			text += ": " + why.words
		}
		list = append(list, text)
	}
	return []string{fmt.Sprintf("%s may exist, of requests that were cut off: the server was sealed, restarted or lost leadership (this term began at %v), or AWS did not answer: %s. "+
		"The engine deletes them within 20 minutes; if one stays longer, delete issued/<username>.", engine.Counted(n, "IAM user"), engine.Stamp(f.Term.Since), told(list))}
}

func caps(f Facts, _ snapshot) (list []string) {
	for _, c := range f.Records.Caps {
		list = append(list, c+". Revoke leases that nobody needs, or raise max_users.")
	}
	return list
}

// chores is about what is done once a minute and failed for another reason than AWS.
func chores(f Facts, s snapshot) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(s.chores)) {
		if c := s.chores[name]; !c.fromAWS && f.Writes.Err == nil {
			list = append(list, fmt.Sprintf("What the engine does once a minute failed: %s: %s (at %v). Fix what it says; Vault's log has more.", name, c.words, engine.Stamp(c.at)))
		}
	}
	if !f.Heartbeat.IsZero() && f.Now.Sub(f.Heartbeat) > silence {
		list = append(list, fmt.Sprintf("The last heartbeat is of %v: Vault's rollback manager does not run, or storage takes no writes, so users of failed requests stay. Check Vault's log of this server.", engine.Stamp(f.Heartbeat)))
	}
	return list
}

// told names the first few.
func told(list []string) string { return engine.Some(list, "; ") }

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}
