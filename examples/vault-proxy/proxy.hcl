# A Vault Proxy that logs in by itself and adds its token to the requests of programs on this machine:
#
#   vault proxy -config=proxy.hcl
#   export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8100/v1/aws-dyn/sdk/creds/deploy
#
# Programs need neither a token nor Vault's CA. Everybody who can connect to the port can use the proxy's token. So bind it to
# loopback, and allow in its policy only the paths below aws-dyn/sdk/ that the programs need.

vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/vault-proxy/role-id"
      secret_id_file_path                 = "/etc/vault-proxy/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

api_proxy {
  use_auto_auth_token = true
}

listener "tcp" {
  address     = "127.0.0.1:8100"
  tls_disable = true
}
