// SPDX-License-Identifier: MPL-2.0

package awscreds

// What counts as an answer of AWS. The SDK takes any 200 for success, a proxy's login page and an empty body among them,
// and any 403 for a refusal. Here AWS has answered when the body is the XML document of the action, or AWS's error
// document. Anything else leaves open what became of the call.

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxAnswer bounds an answer before anything looks at it. The longest one that IAM can give is a page of 1,000 users
// with the longest paths, at less than 2 MiB (IAM API Reference, ListUsers).
const maxAnswer = 4 << 20

// NoAnswerError says that something answered a call which is not AWS, or not AWS in good order. What became of the call
// is open: AWS may have done it.
type NoAnswerError struct {
	Endpoint string // scheme and host
	Status   int    // of HTTP
	Type     string // the media type of the body; empty if none is named
	Err      error  // what is wrong with the body
}

// Error names the endpoint and nothing of the body, which may hold secrets.
func (e *NoAnswerError) Error() string {
	kind := "a body of no type"
	if e.Type != "" {
		kind = e.Type
	}
	return fmt.Sprintf("%s answered %s with %s, which is not an answer of AWS (%v); check the endpoint, and any proxy in front of it",
		e.Endpoint, strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))), kind, e.Err)
}

// Unwrap returns what is wrong with the body.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// isNoAnswer reports whether an error holds an answer that is not AWS's.
func isNoAnswer(err error) bool {
	var none *NoAnswerError
	return errors.As(err, &none)
}

// answersOnly makes a call of IAM or STS fail unless AWS has answered it. It bounds the answers to all calls, those for
// instance metadata and container credentials too. Those the SDK makes in goroutines of its own, and some of what
// reads them dereferences nil where an answer is null: the call fails then.
func answersOnly(stack *middleware.Stack) error {
	action := stack.ID() // a stack is made for one call
	guard := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		out middleware.DeserializeOutput, meta middleware.Metadata, err error,
	) {
		defer recoverTo(&err) // within the attempt, which counts as not answered
		return next.HandleDeserialize(ctx, in)
	}
	read := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if response, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
			err = checkAnswer(in.Request, response, action)
		}
		return out, meta, err
	}
	check := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if response, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
			if missing := missingMember(out.Result); missing != "" {
				err = noAnswer(in.Request, response, fmt.Errorf("it lacks %s", missing))
			}
		}
		return out, meta, err
	}
	const deserializer = "OperationDeserializer" // the SDK's own
	if _, ok := stack.Deserialize.Get(deserializer); ok {
		if err := stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("CompleteAnswer", check), deserializer, middleware.Before); err != nil {
			return err
		}
	}
	if err := stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("NoPanic", guard), middleware.Before); err != nil {
		return err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("AnswerOfAWS", read), middleware.After) // next to the wire
}

// checkAnswer reads an answer to its end, within bounds, and leaves it to the SDK if it is AWS's.
func checkAnswer(request any, response *smithyhttp.Response, action string) error {
	boundHeaders(response.Header)
	body, err := readBounded(response.Body)
	if r, ok := queryOf(request); ok && err == nil {
		if response.StatusCode >= 200 && response.StatusCode < 300 {
			err = checkDocument(body, action+"Response")
		} else if err = checkDocument(body, "ErrorResponse"); err == nil {
			body, err = withinBounds(body, r.Header.Get("X-Amz-Security-Token"))
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(body)) // for an error as well: the SDK reads to the end what it is given
	if err != nil {
		return noAnswer(request, response, err)
	}
	return nil
}

// queryOf is the request of a call of the AWS Query protocol, of IAM or STS: a form. What the SDK asks elsewhere on
// their behalf, in the same context, is no form.
func queryOf(request any) (*smithyhttp.Request, bool) {
	r, ok := request.(*smithyhttp.Request)
	return r, ok && r.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
}

// readBounded reads and closes a body that may never end, in length or in time.
func readBounded(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	late := time.AfterFunc(answerTimeout, func() { _ = body.Close() }) // which ends the read
	defer late.Stop()
	read, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is incomplete: %w", err)
	case len(read) > maxAnswer:
		return nil, fmt.Errorf("it is longer than %d MiB", maxAnswer>>20)
	}
	return read, nil
}

// checkDocument wants one complete XML document with this root; and an error to have its code.
func checkDocument(body []byte, root string) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errors.New("it is empty")
	}
	if root != "ErrorResponse" && isWhole(body, root) {
		return nil
	}
	var path []string
	var code bool
	decoder := xml.NewDecoder(bytes.NewReader(body))
	ended := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && ended {
			break
		} else if err != nil {
			return fmt.Errorf("it is not a complete XML document with the root %s", root) // the decoder would quote the body
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) == 0 && (ended || token.Name.Local != root) {
				return fmt.Errorf("its root is not %s", root)
			}
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
			ended = len(path) == 0
		case xml.CharData:
			inCode := len(path) == 3 && path[1] == "Error" && path[2] == "Code"
			code = code || inCode && len(bytes.TrimSpace(token)) > 0
		}
	}
	if root == "ErrorResponse" && !code {
		return errors.New("it names no error code")
	}
	return nil
}

// isWhole reports whether a body is seen at once to be a complete document with this root, by how it begins and ends:
// the SDK parses what is between, and nearly all answers are such. What is not may be one all the same.
func isWhole(body []byte, root string) bool {
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("<?xml")) {
		_, rest, _ := bytes.Cut(body, []byte("?>"))
		body = bytes.TrimSpace(rest)
	}
	begin, found := bytes.CutPrefix(body, []byte("<"+root))
	return found && len(begin) > 0 && bytes.IndexByte([]byte("> \t\r\n"), begin[0]) >= 0 && bytes.HasSuffix(begin, []byte("</"+root+">"))
}

func noAnswer(request any, response *smithyhttp.Response, err error) *NoAnswerError {
	none := &NoAnswerError{Endpoint: "the endpoint", Status: response.StatusCode, Err: err}
	if r, ok := request.(*smithyhttp.Request); ok && r.URL != nil {
		none.Endpoint = r.URL.Scheme + "://" + r.URL.Host
	}
	none.Type = mediaType(response.Header)
	return none
}

// mediaType is what an answer says of its body; empty where it says nothing that can be shown.
func mediaType(head http.Header) string {
	kind, _, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil || len(kind) > 100 {
		return ""
	}
	return kind
}
