// SPDX-License-Identifier: MPL-2.0

package awscreds

// What an error says to people. The SDK puts AWS's code and words last, behind the operation, the
// status and the request ID, and our own layers put what was being done before all of that. Who
// reads it, in an answer or in the first 240 characters that Vault shows of a lease, needs the
// reverse: the code, AWS's words, what was being done, and the request ID.

import (
	"errors"
	"slices"
	"strings"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// cause is why one or more calls failed.
type cause struct {
	words string   // AWS's code and words, or what was heard instead of AWS
	same  string   // is equal for calls that failed for one cause
	steps []string // what was being done, outermost first; the call's name while nobody has said
	bare  bool     // nobody has said
	after []string // what the layers above add behind
	ids   []string // of requests
}

// Explain is the text of an error. Where a call to AWS failed, it begins with AWS's code and
// words; what several calls failed for is said once.
func Explain(err error) string {
	if !IsFromAWS(err) {
		return err.Error()
	}
	causes := causesOf(err)
	texts := make([]string, len(causes))
	for i, c := range causes {
		texts[i] = c.text()
	}
	return strings.Join(texts, "; and ")
}

// ExplainedError is an error with the text that Explain gives it.
type ExplainedError struct{ Err error }

func (e *ExplainedError) Error() string { return Explain(e.Err) }

// Unwrap returns the error with its layers.
func (e *ExplainedError) Unwrap() error { return e.Err }

// Explained gives an error the text of [Explain]; nil stays nil.
func Explained(err error) error {
	if err == nil || !IsFromAWS(err) {
		return err
	}
	return &ExplainedError{err}
}

func (c cause) text() string {
	parts := append(append([]string{c.words}, c.steps...), c.after...)
	if len(c.ids) > 0 {
		parts = append(parts, "request ID "+strings.Join(c.ids, ", "))
	}
	return strings.Join(parts, "; ")
}

// causesOf takes the layers of an error apart.
func causesOf(err error) []cause {
	switch layer := err.(type) { //nolint:errorlint // each layer has its turn
	case *ExplainedError:
		return causesOf(layer.Err)
	case *smithy.OperationError:
		return causesOfCall(layer)
	case interface{ Unwrap() []error }:
		var all []cause
		for _, one := range layer.Unwrap() {
			all = gather(all, causesOf(one))
		}
		return all
	case interface{ Unwrap() error }:
		inner := layer.Unwrap()
		if inner == nil || !IsFromAWS(inner) {
			break
		}
		causes := causesOf(inner)
		if before, after, found := strings.Cut(err.Error(), inner.Error()); found {
			wrap(causes, before, after)
		}
		return causes
	}
	text := oneLine(err.Error())
	return []cause{{words: text, same: text}}
}

// gather adds causes to others, where there is none like it.
func gather(all, more []cause) []cause {
	for _, c := range more {
		i := slices.IndexFunc(all, func(other cause) bool { return other.same == c.same })
		if i < 0 {
			all = append(all, c)
			continue
		}
		all[i].steps = unrepeated(all[i].steps, c.steps)
		all[i].after = unrepeated(all[i].after, c.after)
		all[i].ids = unrepeated(all[i].ids, c.ids)
	}
	return all
}

func unrepeated(list, more []string) []string {
	for _, one := range more {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// wrap adds to causes what a layer says around them: before, what was being done, and behind.
func wrap(causes []cause, before, after string) {
	before, after = strings.TrimRight(before, ": "), strings.Trim(after, ";:, ")
	for i := range causes {
		c := &causes[i]
		switch {
		case before == "":
		case c.bare || len(c.steps) == 0:
			c.steps, c.bare = []string{before}, false
		default:
			c.steps[0] = before + ": " + c.steps[0]
		}
	}
	if last := len(causes) - 1; after != "" && last >= 0 {
		causes[last].after = append(causes[last].after, after)
	}
}

// causesOfCall says why one call failed.
func causesOfCall(op *smithy.OperationError) []cause {
	var assuming *assumingError
	if errors.As(op.Err, &assuming) { // the call was not made, for want of a session
		causes := causesOf(assuming.Err)
		wrap(causes, assuming.what(), "")
		return causes
	}
	var inner *smithy.OperationError
	if errors.As(op.Err, &inner) { // a call that the SDK's default chain made
		causes := causesOfCall(inner)
		wrap(causes, "getting AWS credentials", "")
		return causes
	}
	c := cause{words: wordsOf(op.Err), steps: []string{op.ServiceID + " " + op.OperationName}, bare: true}
	c.same = strings.ReplaceAll(c.words, op.OperationName, "*") // AWS names what it denies
	var signed *signedError
	if errors.As(op.Err, &signed) {
		if note := signed.note(); note != "" {
			c.words += "; " + note
		}
	}
	if id := RequestID(op.Err); id != "" {
		c.ids = []string{id}
	}
	return []cause{c}
}

// wordsOf is what AWS said, or what was heard in its place.
func wordsOf(err error) string {
	var (
		none     *NoAnswerError
		api      smithy.APIError
		unsent   *unsentError
		late     *lateError
		missing  *NoCredentialsError
		canceled *smithy.CanceledError
		lost     *smithyhttp.RequestSendError
	)
	switch {
	case errors.As(err, &none):
		return none.Error()
	case errors.As(err, &missing):
		return oneLine(strings.Replace(missing.Error(), "failed to refresh cached credentials, ", "", 1)) // the SDK's cache says so
	case errors.As(err, &api):
		return strings.TrimSuffix(api.ErrorCode()+": "+strings.TrimSuffix(oneLine(api.ErrorMessage()), "."), ": ")
	case errors.As(err, &unsent):
		return unsent.Error()
	case errors.As(err, &late):
		return late.Error()
	case errors.As(err, &canceled):
		return "AWS did not answer before the request ended (" + canceled.Err.Error() + ")"
	case errors.As(err, &lost):
		return "AWS did not answer: " + oneLine(lost.Err.Error())
	}
	return oneLine(err.Error())
}

// oneLine is a text without line ends.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
