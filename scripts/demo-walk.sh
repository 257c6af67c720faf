# shellcheck shell=sh disable=SC2016,SC2154
# Sourced by demo.sh, which defines run, expect and the rest: the walk itself, in the order in which an operator would do it.
# The commands stand in single quotes because they are printed as typed, and expanded only when they run.

creds=aws-dyn/creds/developer-access

title "Register the plugin, as \"aws\", so that Vault's UI and other tools recognize it"
run "sha256=\$($(sha256_command bin/vault-plugin-secrets-aws-dyn))"
run 'vault plugin register -sha256="$sha256" -command=vault-plugin-secrets-aws-dyn secret aws'
run 'vault secrets enable -path=aws-dyn aws'

title "Configure how it reaches AWS: here the fake AWS, by its endpoints"
run 'vault write aws-dyn/config/root access_key="$ROOT_ACCESS_KEY" secret_key="$ROOT_SECRET_KEY" region="$AWS_REGION" iam_endpoint="$AWS_ENDPOINT_URL_IAM" sts_endpoint="$AWS_ENDPOINT_URL_STS"'

title "Write a role: what its IAM users are allowed to do"
run 'vault write aws-dyn/roles/developer-access policy_arns=arn:aws:iam::aws:policy/ReadOnlyAccess'

if [ -n "$stay" ]; then
	title "Write another role, for sessions of an AWS role, which expire by themselves"
	run 'vault write aws-dyn/roles/deploy credential_type=assumed_role role_arns=arn:aws:iam::123456789012:role/deploy'
	write_shell
	cat <<TEXT

Vault and the fake AWS are running. In another terminal, start a shell that is set up for both:

  $tmp/shell

and try, for example:

  vault read $creds
  vault read aws-dyn/creds/deploy
  vault list sys/leases/lookup/$creds
  vault lease revoke -prefix $creds
  vault write -f aws-dyn/config/rotate-root
  vault path-help aws-dyn
  fakeaws users -except vault-root
  AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... fakeaws whoami

The AWS key of that shell belongs to the IAM user "operator", so rotating Vault's own key does not affect it. Leave the shell with exit:
your own terminal keeps its settings.

TEXT
	if has_ui; then
		say "Vault's UI: $VAULT_ADDR/ui/ (sign in with the token $VAULT_TOKEN)"
		say "This mount: $VAULT_ADDR/ui/vault/secrets/aws-dyn/list"
	else
		say "This Vault was built without its UI. For the UI, start again with VAULT_BIN=/path/to/a/full/vault."
	fi
	say "Ctrl-C stops everything."
	trap 'exit 0' INT TERM HUP
	wait "$vault_pid" || :
	fail "the Vault server stopped unexpectedly."
fi

title "Request credentials: the engine creates an IAM user"
run "vault read $creds"
expect "lease_duration" "$(field lease_duration)" 768h
expect "lease_renewable" "$(field lease_renewable)" true
lease=$(field lease_id)
key="AWS_ACCESS_KEY_ID=$(field access_key) AWS_SECRET_ACCESS_KEY=$(field secret_key)"
run 'bin/fakeaws users -except vault-root'
user=$(cat "$out")
expect "the number of IAM users" "$(user_count)" 1

title "Use them: AWS accepts the key of the new user"
run "$key bin/fakeaws whoami"
case $(cat "$out") in
arn:aws:iam::*:user/*"$user") ;;
*) fail "AWS should answer with the ARN of the user $user." ;;
esac

title "Renew the lease"
run "vault lease renew $lease"
# 768h is also the maximum of the mount, counted from the first issue: a second later, some seconds have passed.
case $(field lease_duration) in
768h | 767h59m*) ;;
*) fail "the renewed lease should last 768h, less the seconds since it was issued, and lasts $(field lease_duration)." ;;
esac

title "Revoke it: the user is deleted, and AWS refuses the key"
run "vault lease revoke $lease"
wait_until 30 no_users || fail "the IAM user should be gone within 30 seconds of the revoke."
try "$key bin/fakeaws whoami"
[ "$exited" -ne 0 ] || fail "AWS should refuse a revoked key."
grep -q InvalidClientTokenId "$out" || fail "AWS should refuse the revoked key with InvalidClientTokenId."

title "Request ten more, as ten people would"
run "for i in 1 2 3 4 5 6 7 8 9 10; do vault read -field=access_key $creds && echo || break; done"
expect "the number of keys" "$(sort -u "$out" | awk 'END { print NR }')" 10
run 'bin/fakeaws users -except vault-root'
expect "the number of IAM users" "$(user_count)" 10

title "Revoke all of them with one command"
run "vault lease revoke -prefix $creds"
wait_until 60 no_users || fail "every IAM user should be gone within 60 seconds, and these are left: $(bin/fakeaws users -except vault-root | tr '\n' ' ')"
run 'bin/fakeaws users -except vault-root'
expect "the list of IAM users" "$(cat "$out")" ""
say "(nothing: no IAM user is left)"

title "One role for all teams: Vault knows two people and their teams"
run 'vault auth enable userpass'
run 'echo '\''path "aws-dyn/creds/*" { capabilities = ["read"] }'\'' | vault policy write aws -'
run 'accessor=$(vault read -field=accessor sys/auth/userpass)'
run 'for person in anna:payments ben:search; do
    name=${person%:*} team=${person#*:}
    vault write auth/userpass/users/$name password=$name-secret token_policies=aws
    entity=$(vault write -field=id identity/entity name=$name metadata=team=$team)
    vault write identity/entity-alias name=$name canonical_id=$entity mount_accessor=$accessor >/dev/null
done'
run 'vault write aws-dyn/roles/team-bucket templates=true \
    iam_tags=team={{identity.entity.metadata.team}} \
    policy_document='\''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::teams/{{identity.entity.metadata.team}}/*"}]}'\'

title "Both use the same role, and AWS shows that each got access to the part of their own team"
for person in anna:payments ben:search; do
	name=${person%:*} team=${person#*:}
	run "token=\$(vault login -method=userpass -token-only username=$name password=$name-secret)"
	run 'VAULT_TOKEN=$token vault read -field=access_key aws-dyn/creds/team-bucket && echo'
	run 'bin/fakeaws user "$(bin/fakeaws users -except vault-root)"'
	grep -q "^  tag team=$team\$" "$out" || fail "the IAM user for $name should have the tag team=$team."
	grep -q "arn:aws:s3:::teams/$team/\\*" "$out" || fail "the IAM user for $name should have a policy for teams/$team/."
	run 'vault lease revoke -prefix aws-dyn/creds/team-bucket'
	wait_until 60 no_users || fail "the IAM user should be gone within 60 seconds."
done

title "AWS takes some seconds to accept a new key: from now on, 10. A key that is used immediately is refused"
run 'bin/fakeaws lag 10s'
run "vault read $creds"
key="AWS_ACCESS_KEY_ID=$(field access_key) AWS_SECRET_ACCESS_KEY=$(field secret_key)"
try "$key bin/fakeaws whoami"
grep -q InvalidClientTokenId "$out" || fail "AWS should refuse the key with InvalidClientTokenId, because it is too new."

title "With wait_until_usable, Vault returns the key when AWS accepts it, so it works immediately"
run 'vault write aws-dyn/roles/ci policy_arns=arn:aws:iam::aws:policy/ReadOnlyAccess wait_until_usable=true'
run 'vault read aws-dyn/creds/ci'
key="AWS_ACCESS_KEY_ID=$(field access_key) AWS_SECRET_ACCESS_KEY=$(field secret_key)"
run "$key bin/fakeaws whoami"
run 'vault lease revoke -prefix aws-dyn/creds'
wait_until 60 no_users || fail "every IAM user should be gone within 60 seconds."

run 'bin/fakeaws lag 0s'

title "An AWS SDK fetches credentials from Vault by itself: no script reads a key, and none is stored (examples/go has no Vault code)"
run 'vault write aws-dyn/roles/deploy credential_type=assumed_role role_arns=arn:aws:iam::123456789012:role/deploy'
sdk='unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; AWS_CONTAINER_CREDENTIALS_FULL_URI=$VAULT_ADDR/v1/aws-dyn/sdk/creds/deploy AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer $VAULT_TOKEN"'
run "($sdk go run ./examples/go)"
case $(cat "$out") in
arn:aws:sts::123456789012:assumed-role/deploy/*) ;;
*) fail "the program should have a session of the role deploy." ;;
esac

printf '\nThe demo passed: 15 IAM users were issued, 1 lease was renewed, all were revoked, and no IAM user is left. An AWS SDK got a session of a role from Vault by itself.\n'
