# A Vault Proxy that logs in by itself and adds its token to what programs on this machine ask for:
#
#   vault proxy -config=proxy.hcl
#   export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8100/v1/aws-dyn/sdk/creds/deploy
#
# Programs need no token, and no CA of Vault's. Everybody who may open the port has what the proxy has: bind it to
# loopback, and give its policy the paths below aws-dyn/sdk/ that the programs need, no more.

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
