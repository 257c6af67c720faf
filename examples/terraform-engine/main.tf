# The engine itself. The plugin is registered as "aws" (README.md), because the provider mounts that type.

terraform {
  required_version = ">= 1.11"
  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0"
    }
  }
}

variable "plugin_version" {
  type        = string
  description = "As it was registered, such as v0.2.0."
}

variable "secret_key" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "vault_aws_secret_backend" "aws" {
  path           = "aws-dyn"
  plugin_version = var.plugin_version
  region         = "eu-central-1"
  access_key     = "AKIAIOSFODNN7EXAMPLE"

  # Write-only: not stored in the state.
  secret_key_wo         = var.secret_key
  secret_key_wo_version = 1
}

resource "vault_aws_secret_backend_role" "deploy" {
  backend         = vault_aws_secret_backend.aws.path
  name            = "deploy"
  credential_type = "assumed_role"
  role_arns       = ["arn:aws:iam::123456789012:role/deploy"]
  default_sts_ttl = 3600
}

# Fields that the resource above does not support. A write changes only the fields that it names, so the two resources do not overwrite
# each other. A read returns more than was written, so ignore_absent_fields is set. The role is deleted with its own resource.
resource "vault_generic_endpoint" "deploy" {
  path                 = "${vault_aws_secret_backend.aws.path}/roles/${vault_aws_secret_backend_role.deploy.name}"
  ignore_absent_fields = true
  disable_delete       = true
  data_json = jsonencode({
    require_entity = true
    session_tags   = { team = "payments" }
  })
}

# Paths that have no resource.
resource "vault_generic_endpoint" "lease" {
  path                 = "${vault_aws_secret_backend.aws.path}/config/lease"
  ignore_absent_fields = true
  disable_delete       = true
  data_json            = jsonencode({ lease = "1h0m0s", lease_max = "24h0m0s" })
}

resource "vault_generic_endpoint" "users" {
  path                 = "${vault_aws_secret_backend.aws.path}/config/users"
  ignore_absent_fields = true
  disable_delete       = true
  data_json            = jsonencode({ max_users = 500 })
}

resource "vault_aws_secret_backend_static_role" "billing" {
  backend         = vault_aws_secret_backend.aws.path
  name            = "billing"
  username        = "billing"
  rotation_period = 2592000
}

resource "vault_policy" "deploy" {
  name   = "aws-deploy"
  policy = <<-EOT
    path "${vault_aws_secret_backend.aws.path}/sdk/creds/deploy" {
      capabilities = ["read"]
    }
  EOT
}
