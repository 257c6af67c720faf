// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"fmt"
)

// EndKey deletes a key of a user, and tells whether AWS knew it. Not knowing a key that
// was made a moment ago proves nothing, since AWS may not show it yet.
func (c *Client) EndKey(ctx context.Context, user, id string) (existed bool, err error) {
	err = accessKeys.remove(ctx, c.iam, user, id)
	switch {
	case err == nil:
		return true, nil
	case isNotFound(err):
		return false, nil
	}
	return true, fmt.Errorf("removing access key %s of %s: %w", id, user, err)
}
