#!/bin/sh
# SPDX-License-Identifier: MPL-2.0

# Asks AWS whose credentials it has, with the AWS CLI, which fetches credentials from Vault by itself. VAULT_ADDR and
# VAULT_TOKEN are those of Vault's own command line.
set -eu
export AWS_CONTAINER_CREDENTIALS_FULL_URI="$VAULT_ADDR/v1/aws-dyn/sdk/creds/${1:-deploy}"
export AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer $VAULT_TOKEN"
aws sts get-caller-identity --query Arn --output text
