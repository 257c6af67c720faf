// SPDX-License-Identifier: MPL-2.0

package users

import (
	"errors"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// What becomes of a record: one line for each reason, with the sentence that it stands for.
func TestDecide(t *testing.T) {
	t.Parallel()
	home, other := awscreds.Account{Partition: "aws", Number: "123456789012"}, awscreds.Account{Partition: "aws", Number: "999999999999"}
	local := awscreds.Account{Partition: "aws", Number: "123456789012", Host: "localhost:4566"}
	china := awscreds.Account{Partition: "aws-cn", Number: "123456789012"}
	unproven, young := errors.New("may be somebody else's"), errors.New("its lease may live")
	const lag, late = 5 * time.Minute, 15 * time.Minute
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	aged := func(age time.Duration) Record { return Record{Issued: now.Add(-age)} }
	creating := func(age time.Duration) Record { return Record{Issued: now.Add(-age), State: stateCreating} }
	unanswered := func(age time.Duration) Record { return Record{Issued: now.Add(-age), Unanswered: true} }
	for sentence, c := range map[string]struct {
		record Record
		facts  facts
		want   ending
		at     time.Duration // from now; 0 is no time
		why    bool
	}{
		"AWS deleted the user: it is gone.":                                                             {aged(0), facts{deleted: true}, endGone, 0, false},
		"AWS deleted it in the account that it was made in.":                                            {aged(0), facts{deleted: true, here: home, made: home}, endGone, 0, false},
		"AWS has had time to show it, and has no such user.":                                            {aged(lag), facts{absent: true, here: home, made: home}, endGone, 0, false},
		"AWS may not show it yet.":                                                                      {aged(lag - 1), facts{absent: true, here: home, made: home}, endAgain, 0, false},
		"Another user has the name, so the record's is gone.":                                           {aged(time.Hour), facts{replaced: true}, endGone, 0, false},
		"Another account has no such user, which proves nothing.":                                       {aged(time.Hour), facts{absent: true, here: other, made: home}, endOtherAccount, strangeLook, true},
		"What was deleted as the record's user is gone, by whatever address AWS was called.":            {aged(time.Hour), facts{deleted: true, here: local, made: home}, endGone, 0, false},
		"Another partition is another account.":                                                         {aged(time.Hour), facts{absent: true, here: china, made: home}, endOtherAccount, strangeLook, true},
		"An emulator is another account, whatever its number.":                                          {aged(time.Hour), facts{absent: true, here: local, made: home}, endOtherAccount, strangeLook, true},
		"Where nobody knows the account that is asked, AWS is believed.":                                {aged(time.Hour), facts{absent: true, made: home}, endGone, 0, false},
		"Where nobody knows where it was made, AWS is believed.":                                        {aged(time.Hour), facts{absent: true, here: other}, endGone, 0, false},
		"Nothing proves that the user is the record's, so it stays.":                                    {aged(time.Hour), facts{unproven: unproven}, endNotOurs, strangeLook, true},
		"By AWS's clock its lease may live, so it stays.":                                               {aged(time.Hour), facts{young: young}, endAgain, youngLook, true},
		"Somebody else's user is not called young.":                                                     {aged(time.Hour), facts{unproven: unproven, young: young}, endNotOurs, strangeLook, true},
		"The account comes before all else.":                                                            {aged(time.Hour), facts{unproven: unproven, young: young, here: other, made: home}, endOtherAccount, strangeLook, true},
		"An attempt of CreateUser was never answered: AWS may make the user late.":                      {unanswered(late - time.Minute), facts{deleted: true}, endAgain, time.Minute, false},
		"AWS refuses an attempt that is so old.":                                                        {unanswered(late), facts{deleted: true}, endGone, 0, false},
		"Of a process that died nobody knows which attempts were answered.":                             {creating(late - time.Minute), facts{deleted: true}, endAgain, time.Minute, false},
		"It may come late although AWS has no such user now.":                                           {creating(lag + time.Minute), facts{absent: true}, endAgain, late - lag - time.Minute, false},
		"Whatever began so long ago has come by now, or never will.":                                    {creating(late), facts{absent: true}, endGone, 0, false},
		"Another user has the name now, and the one of a process that died may come yet, if that goes.": {creating(time.Minute), facts{replaced: true}, endAgain, late - time.Minute, false},
	} {
		got := decide("vault-x", &c.record, c.facts, windows{lag: lag, late: late}, now)
		at := time.Time{}
		if c.at != 0 {
			at = now.Add(c.at)
		}
		if got.ending != c.want || !got.at.Equal(at) || (got.why != nil) != c.why {
			t.Errorf("%s\ngot the ending %d at %v because of %v", sentence, got.ending, got.at, got.why)
		}
	}
}
