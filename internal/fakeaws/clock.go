// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/http"
	"sync/atomic"
	"time"
)

// This file is AWS's clock, which may differ from that of whoever calls.

// clock is the time as the server has it.
type clock struct{ ahead atomic.Int64 }

// now is that time.
func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// SetClock sets AWS's clock ahead of the machine's, or behind where d is negative. Each answer says what it shows, in the
// header Date. A request whose time is more than 15 minutes from it is refused with SignatureDoesNotMatch, "Signature
// expired" or "Signature not yet current" (IAM User Guide, "Troubleshoot Signature Version 4 signing for AWS API requests"):
// see [credential.check]. IAM's list of common errors has RequestExpired for the same, with status 400; which of the two a
// service answers is in none of the pages, and IAM has been seen to answer the first.
func (s *Server) SetClock(d time.Duration) { s.clock.ahead.Store(int64(d)) }

// date puts the server's time into the head of an answer.
func (s *Server) date(w http.ResponseWriter) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
}
