# SPDX-License-Identifier: MPL-2.0

# Asks AWS whose credentials it has. It has no Vault code: boto3 finds Vault in the environment, as
# ../README.md says, and gets new credentials before these expire.
import boto3

print(boto3.client("sts").get_caller_identity()["Arn"])
