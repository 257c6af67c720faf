// SPDX-License-Identifier: MPL-2.0

package engine

// Whether somebody uses an access key, as far as AWS tells.

import (
	"context"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// UseToldAfter is how long a key must have been there before AWS's word that nobody has used it
// counts. AWS reports a use some minutes late and says nowhere how many.
const UseToldAfter = 15 * time.Minute

// KeyIsUsed reports whether AWS says that a key was ever used. Where it does not let us ask, it
// says nothing.
func KeyIsUsed(ctx context.Context, client *awscreds.Client, id string) (bool, error) {
	_, _, used, err := client.KeyUser(ctx, id)
	if UseIsUntold(err) {
		return false, nil
	}
	return used, err
}

// UseIsUntold reports whether AWS does not let us ask when a key was used, or what answers for it
// cannot say.
func UseIsUntold(err error) bool {
	return awscreds.IsDenied(err) || awscreds.IsNotFound(err) || awscreds.IsUnsupported(err)
}
