// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file lets a test stop the world between any two steps of whoever calls AWS.

// Step is told of every call twice: when it has arrived, and when its work is done and its answer is not written
// yet. The call stays there for as long as Step does not return. The first time Step says whether AWS does the work
// at all; otherwise the connection is cut, as if the request had never arrived. The second time it does not matter.
type Step func(c Call, done bool) (work bool)

// WithSteps makes every call take its steps one by one.
func WithSteps(step Step) Option {
	return func(s *Server) { s.step = step }
}

// stepped is work, step by step.
func (s *Server) stepped(call *Call, work func()) (arrived bool) {
	if s.step == nil {
		work()
		return true
	}
	if !s.step(*call, false) {
		return false
	}
	work()
	s.step(*call, true)
	return true
}
