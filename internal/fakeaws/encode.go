// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"time"
)

// This file writes answers in the XML of the AWS Query protocol.

const (
	iamVersion = "2010-05-08"
	stsVersion = "2011-06-15"
)

// namespaces by service.
var namespaces = map[string]string{
	"iam": "https://iam.amazonaws.com/doc/" + iamVersion + "/",
	"sts": "https://sts.amazonaws.com/doc/" + stsVersion + "/",
}

// members is a list as AWS writes it: <member> for each item, and the list's own element even when it is empty.
type members[T any] struct {
	Items []T `xml:"member"`
}

// listOf wraps items for the wire.
func listOf[T any](items []T) members[T] { return members[T]{items} }

// stamp is a time as AWS writes it: whole seconds in UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// responseMetadata closes every good answer.
type responseMetadata struct {
	RequestID string `xml:"RequestId"`
}

// errorBody is what AWS says about an error. It blames the sender for all that is not a 5xx.
type errorBody struct {
	Type    string
	Code    string
	Message string
}

// encode writes the result or the refusal and notes it in the call.
func encode(call *Call, result any, refusal *Refusal) *reply {
	out := &reply{kind: "text/xml", requestID: newRequestID()}
	var err error
	if refusal == nil {
		call.Status = http.StatusOK
		if out.body, err = encodeResult(call, result, out.requestID); err == nil {
			out.status = call.Status
			return out
		}
		refusal = &Refusal{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	call.Status, call.Code = refusal.Status, refusal.Code
	out.status = call.Status
	out.body = encodeRefusal(call, refusal, out.requestID)
	return out
}

// encodeResult is <XResponse><XResult>…</XResult><ResponseMetadata>…; an action that answers nothing has no XResult.
func encodeResult(call *Call, result any, requestID string) ([]byte, error) {
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	response := element(call.Action+"Response", call.Service)
	if err := enc.EncodeToken(response); err != nil {
		return nil, err
	}
	if result != nil {
		if err := enc.EncodeElement(result, element(call.Action+"Result", "")); err != nil {
			return nil, err
		}
	}
	if err := enc.EncodeElement(responseMetadata{requestID}, element("ResponseMetadata", "")); err != nil {
		return nil, err
	}
	if err := enc.EncodeToken(response.End()); err != nil {
		return nil, err
	}
	if err := enc.Flush(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// encodeRefusal is <ErrorResponse><Error>…</Error><RequestId>….
func encodeRefusal(call *Call, refusal *Refusal, requestID string) []byte {
	blame := "Sender"
	if refusal.Status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     errorBody
		RequestID string `xml:"RequestId"`
	}{Namespace: namespaces[call.Service], Error: errorBody{blame, refusal.Code, refusal.Message}, RequestID: requestID})
	if err != nil {
		return nil // strings always encode
	}
	return body
}

// element opens an element, in the namespace of a service if one is named.
func element(name, service string) xml.StartElement {
	start := xml.StartElement{Name: xml.Name{Local: name}}
	if service != "" {
		start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespaces[service]}}
	}
	return start
}
