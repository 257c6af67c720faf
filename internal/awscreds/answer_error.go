// SPDX-License-Identifier: MPL-2.0

package awscreds

// What an error document of AWS's may tell. Errors are joined, logged and shown; so whatever is too
// long or secret is left out where the document is read, before the SDK sees it.

import (
	"encoding/xml"
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// How much of an answer comes back, in bytes. AWS's own words keep within it: the longest are those about a policy.
const (
	mostWords = 1000
	mostCode  = 128 // of the names of errors and requests
)

// errorDocument is all that the SDK reads of an error (IAM API Reference, "Common errors").
type errorDocument struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Error   struct {
		Type    string `xml:"Type,omitempty"`
		Code    string `xml:"Code"`
		Message string `xml:"Message,omitempty"`
	} `xml:"Error"`
	RequestID string `xml:"RequestId,omitempty"`
}

// signedText is where AWS begins to repeat the request that should have been signed (IAM User Guide,
// "Troubleshoot Signature Version 4 signing for AWS API requests"), with the session token in it.
var signedText = regexp.MustCompile(`(?is)(the canonical string for|x-amz-security-token).*`)

// withinBounds rewrites an error document that checkDocument has passed. A token is that of the session that signed the call.
func withinBounds(body []byte, token string) ([]byte, error) {
	var doc errorDocument
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("it is not a complete XML document with the root ErrorResponse")
	}
	words := signedText.ReplaceAllString(doc.Error.Message, "")
	if token != "" {
		words = strings.ReplaceAll(words, token, "…")
	}
	doc.XMLName.Space = ""
	doc.Error.Type = cut(doc.Error.Type, mostCode)
	doc.Error.Code = cut(strings.TrimSpace(doc.Error.Code), mostCode)
	doc.Error.Message = cut(strings.TrimSpace(words), mostWords)
	doc.RequestID = cut(doc.RequestID, mostCode)
	return xml.Marshal(doc)
}

// boundHeaders cuts the names of requests, which the SDK reads from the head of an answer, too.
func boundHeaders(head http.Header) {
	for name, values := range head {
		if strings.Contains(strings.ToLower(name), "request") && len(values) > 0 && len(values[0]) > mostCode {
			head.Set(name, cut(values[0], mostCode))
		}
	}
}

// cut shortens a text to a number of bytes, and shows that it did.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	// AWS repeats a value first and says what is wrong with it last.
	return strings.ToValidUTF8(text[:most/2], "") + "…" + strings.ToValidUTF8(text[len(text)-most/2:], "")
}
