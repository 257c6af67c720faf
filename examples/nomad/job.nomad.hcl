# Nomad logs the task in to Vault and keeps the file with the header, which the SDK reads each time it fetches credentials. The file must
# not contain a newline, so data is not a heredoc.
job "app" {
  group "app" {
    task "app" {
      driver = "docker"

      config {
        image = "example.com/app"
      }

      vault {
        role        = "app"
        change_mode = "noop"
      }

      template {
        destination = "secrets/aws-authorization"
        perms       = "0400"
        change_mode = "noop"
        data        = "Bearer {{ with secret \"auth/token/lookup-self\" }}{{ .Data.id }}{{ end }}"
      }

      env {
        AWS_REGION                             = "eu-central-1"
        AWS_CONTAINER_CREDENTIALS_FULL_URI     = "https://vault.example.com:8200/v1/aws-dyn/sdk/creds/deploy"
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "${NOMAD_SECRETS_DIR}/aws-authorization"
      }
    }
  }
}
