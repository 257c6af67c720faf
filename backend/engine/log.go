// SPDX-License-Identifier: MPL-2.0

package engine

// The log says of an error what an answer would say.

import (
	"slices"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// explaining is a logger that writes errors as [awscreds.Explain] tells them.
type explaining struct{ hclog.Logger }

// LogOf makes the log of a mount from the one that Vault gives it.
func LogOf(logger hclog.Logger) hclog.Logger { return explaining{logger} }

// Log implements [hclog.Logger].
func (l explaining) Log(level hclog.Level, msg string, args ...any) {
	l.Logger.Log(level, msg, explained(args)...)
}

// Debug implements [hclog.Logger].
func (l explaining) Debug(msg string, args ...any) { l.Logger.Debug(msg, explained(args)...) }

// Info implements [hclog.Logger].
func (l explaining) Info(msg string, args ...any) { l.Logger.Info(msg, explained(args)...) }

// Warn implements [hclog.Logger].
func (l explaining) Warn(msg string, args ...any) { l.Logger.Warn(msg, explained(args)...) }

// Error implements [hclog.Logger].
func (l explaining) Error(msg string, args ...any) { l.Logger.Error(msg, explained(args)...) }

// explained has texts in the place of errors.
func explained(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		if err, ok := arg.(error); ok && err != nil {
			args[i] = awscreds.Explain(err)
		}
	}
	return args
}
