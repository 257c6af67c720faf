# shellcheck shell=sh
# Sourced, never run: takes the caller's AWS and Vault settings out of the environment, so that the demo,
# the tests and the benchmarks see only the fake AWS and their own Vault, on every machine alike.
# AWS_CA_BUNDLE stays, because the plugin must work with it, and so do VAULT_BIN and VAULT_FULL,
# which name the Vault to use and one to compare with.

for name in $(env | sed -n 's/^\(AWS_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(VAULT_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(BAO_[A-Za-z0-9_]*\)=.*/\1/p'); do
	case $name in
	AWS_CA_BUNDLE | VAULT_BIN | VAULT_FULL) ;;
	*) unset "$name" ;;
	esac
done
unset name

# The SDK's default chain also reads files in the home directory: a profile there must not answer for the fake AWS.
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
