// SPDX-License-Identifier: MPL-2.0

package awscreds

// A call to AWS goes through some fifty functions of the SDK, one inside the other, and needs 24 KB of stack. The runtime
// gives a new goroutine 2 KB and doubles that whenever it is too little, copying every frame each time.

// callStack is somewhat less than the stack of a call, and too much for half the power of two that it fits in.
const callStack = 20 << 10

// Deepen gives the goroutine that it is called in a stack for calls to AWS, at once and while there is little to copy.
//
//go:noinline
func Deepen() byte {
	var frame [callStack]byte
	return frame[deepest()]
}

// deepest is an index that the compiler does not know.
//
//go:noinline
func deepest() int { return callStack - 1 }
