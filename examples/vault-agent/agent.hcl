# A Vault Agent that keeps a file with the header that AWS SDKs send, for programs that connect to Vault directly:
#
#   vault agent -config=agent.hcl
#   export AWS_CONTAINER_CREDENTIALS_FULL_URI=https://vault.example.com:8200/v1/aws-dyn/sdk/creds/deploy
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/vault-agent/aws-authorization
#
# SDKs read the file each time they fetch credentials. It must not contain a newline. This is a template, because the agent's own sink
# writes the token without the word Bearer.

vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/vault-agent/role-id"
      secret_id_file_path                 = "/etc/vault-agent/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template {
  destination = "/run/vault-agent/aws-authorization"
  perms       = "0600"
  contents    = "Bearer {{ with secret \"auth/token/lookup-self\" }}{{ .Data.id }}{{ end }}"
}
