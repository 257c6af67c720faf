// SPDX-License-Identifier: MPL-2.0

package engine

// Who asks: the entity of a request, as Vault knows it.

import (
	"fmt"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// Identity asks Vault for an entity with its aliases, and for its groups where those are needed.
// It is called for each request that needs it, so that what has changed in Vault counts at once.
func (m *Mount) Identity(entityID string, groups bool) (awsrules.Identity, error) {
	entity, err := m.Vault.EntityInfo(entityID)
	if err != nil {
		return awsrules.Identity{}, fmt.Errorf("asking Vault for entity %s: %w", entityID, err)
	}
	if entity == nil || entity.Disabled {
		return awsrules.Identity{}, UserErrorf("Vault has no entity %q in use: the entity of this request's token was deleted, disabled, or merged into another; log in again", entityID)
	}
	id := awsrules.Identity{ID: entity.ID, Name: entity.Name, Metadata: entity.Metadata}
	for _, a := range entity.Aliases {
		id.Aliases = append(id.Aliases, awsrules.Alias{
			Accessor: a.MountAccessor, ID: a.ID, Name: a.Name, Metadata: a.Metadata, CustomMetadata: a.CustomMetadata,
		})
	}
	if !groups {
		return id, nil
	}
	of, err := m.Vault.GroupsForEntity(entityID)
	if err != nil {
		return awsrules.Identity{}, fmt.Errorf("asking Vault for the groups of entity %s: %w", entityID, err)
	}
	for _, g := range of {
		id.Groups = append(id.Groups, awsrules.Group{ID: g.ID, Name: g.Name, Metadata: g.Metadata})
	}
	return id, nil
}
