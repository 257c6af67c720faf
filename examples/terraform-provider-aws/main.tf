# The provider fetches credentials from Vault by itself, and refreshes them during a long apply:
#
#   export AWS_CONTAINER_CREDENTIALS_FULL_URI="$VAULT_ADDR/v1/aws-dyn/sdk/creds/deploy"
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer $VAULT_TOKEN"
#   terraform apply
#
# No key is in a variable, in the plan or in the state, unlike with the data source vault_aws_access_credentials.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.30"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

data "aws_caller_identity" "this" {}

output "arn" {
  value = data.aws_caller_identity.this.arn
}
