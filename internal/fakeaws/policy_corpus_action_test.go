// SPDX-License-Identifier: MPL-2.0

package fakeaws

// The corpus of policies: actions and resources.

const (
	wantsVendor  = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	wantsColon   = "Actions/Condition can contain only one colon."
	wildVendor   = "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."
	wildResource = "Resource vendor must be fully qualified and cannot contain regexes."
	wantsIAMPath = `IAM resource path must either be "*", root, or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`
)

var actionCases = []policyCase{
	{grammar, acting(`"*"`), ""},
	{grammar, acting(`"ec2:StartInstances"`), ""},
	{grammar, acting(`["ec2:StartInstances","iam:ChangePassword"]`), ""},
	{grammar, acting(`["s3:Get*","s3:L?st*","s3:*"]`), ""},
	{grammar, acting(`["*","s3:*"]`), ""},
	{"IAM User Guide, IAM JSON policy elements: Action", acting(`"IAM:listaccesskeys"`), ""},
	{"IAM User Guide, IAM JSON policy elements: NotAction", stated(`"Effect":"Deny","NotAction":["iam:*","sts:GetSessionToken"],"Resource":"*"`), ""},
	{versity, acting(`"nosuchservice:DoThis"`), ""},
	{moto, acting(`"s3.x:Get"`), ""},
	{moto, acting(`"s3-outposts:Get"`), ""},
	{moto, acting(`"iam: any name at all "`), ""},

	{moto, acting(`"GetObject"`), wantsVendor},
	{versity, acting(`""`), wantsVendor},
	{versity, stated(`"Effect":"Allow","NotAction":"GetObject","Resource":"*"`), wantsVendor},
	{moto, acting(`["s3:GetObject","s3"]`), wantsVendor},
	{"guess: one asterisk alone is in the grammar", acting(`"**"`), wantsVendor},
	{moto, acting(`"s3:Get:Object"`), wantsColon},
	{moto, statementsOf(one, `{"Effect":"Allow","Action":"s:3:Get","Resource":"*"}`), wantsColon},
	{moto, acting(`"a b:Get"`), "Vendor a b is not valid"},
	{versity, acting(`"iam :Get"`), "Vendor iam  is not valid"},
	{versity, acting(`":GetObject"`), "Vendor  is not valid"},
	{"guess: no service has one", acting(`"s3_x:Get"`), "Vendor s3_x is not valid"},
	{"boogy/iam-policy-validator pull request 172", acting(`"*:Untag*"`), wildVendor},
	{"theserverlessway/aws-baseline issue 1", acting(`["s3:*","*:Describe*"]`), wildVendor},
	{"guess, after moto's iam/policy_validation.py", acting(`"*:*"`), ""},
	{"guess", acting(`"s3*:Get"`), wildVendor},
	{"guess: moto and versitygw look at the vendor alone", acting(`"s3:"`), ""},

	{moto, acting(`[]`), needsActions},
	{moto, stated(`"Effect":"Allow","Resource":"*"`), needsActions},
	{"guess, after Action", stated(`"Effect":"Allow","NotAction":[],"Resource":"*"`), needsActions},
	{versity, acting(`123`), badSyntax},
	{moto, acting(`{}`), badSyntax},
	{moto, acting(`[[]]`), badSyntax},
	{grammar, acting(`null`), badSyntax},
	{grammar, acting(`[null]`), badSyntax},
	{grammar, acting(`["s3:*",1]`), badSyntax},
	{moto, stated(`"Effect":"Allow","Action":"s3:*","NotAction":"iam:*","Resource":"*"`), badSyntax},
	{moto, stated(`"Effect":"Allow","Action":[],"NotAction":"iam:*","Resource":"*"`), badSyntax},
	{blog2015, stated(`"Effect":"Allow","Action":"s3:*","Action":"iam:*","Resource":"*"`), badSyntax},
}

var resourceCases = []policyCase{
	{grammar, on(`"*"`), ""},
	{grammar, on(`"arn:aws:iam::123456789012:user/Bob"`), ""},
	{grammar, on(`["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`), ""},
	{moto, on(`["arn:aws:s3:::bucket","*"]`), ""},
	{moto, stated(`"Effect":"Allow","NotAction":"s3:*","NotResource":"*"`), ""},
	{resources, on(`"arn:aws:sqs:us-east-2:123456789012:queue?-*"`), ""},
	{resources, on(`"arn:aws:dynamodb:us-east-2:123456789012:table/${aws:username}"`), ""},
	{variables, on(`"arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'none'}/${*}"`), ""},
	{"guess: the guide does not say who refuses it", on(`"arn:aws:sqs:*:${aws:PrincipalAccount}:queue"`), ""},
	{moto, on(`"arn:aws:ec2:*:*:instance/*"`), ""},
	{moto, on(`"arn:aws:nosuchservice:::thing"`), ""},
	{moto, on(`"arn:aws:rds:region:*:*"`), ""},
	{moto, on(`"arn:aws:ec2:us-east-1::thing"`), ""},
	{moto, on(`"arn:aws:fewer"`), ""},
	{"guess, after moto's three parts", on(`"arn:aws:logs:us-east-1"`), ""},
	{"guess, after moto's list of partitions", on(`"arn:*:s3:::bucket"`), ""},
	{grammar, on(`"arn:aws:lambda:us-east-1:123456789012:function:name:alias"`), ""},
	{grammar, on(`"arn:aws:ec2:us-east-1:account-id:instance/*"`), ""},

	{moto, on(`"bucket/*"`), `Resource bucket/* must be in ARN format or "*".`},
	{moto, on(`""`), `Resource  must be in ARN format or "*".`},
	{moto, on(`["bucket"]`), `Resource bucket must be in ARN format or "*".`},
	{moto, on(`["y","arn:aws:s3:::bucket","x"]`), `Resource x must be in ARN format or "*".`},
	{versity, stated(`"Effect":"Allow","Action":"s3:*","NotResource":"bucket"`), `Resource bucket must be in ARN format or "*".`},
	{"guess: the grammar's other word is one asterisk", on(`"**"`), `Resource ** must be in ARN format or "*".`},
	{"guess: moto does not look at the first part", on(`"urn:aws:s3:::bucket"`), ""},
	{moto, on(`"x:yz"`), `Partition "yz" is not valid for resource "arn:yz:*:*:*:*".`},
	{moto, on(`"x:y:z"`), `Partition "y" is not valid for resource "arn:y:z:*:*:*".`},
	{moto, on(`"1:2:3:4:5:6:7:8"`), `Partition "2" is not valid for resource "arn:2:3:4:5:6:7:8".`},
	{moto, on(`"aws:s3:::bucket"`), `Partition "s3" is not valid for resource "arn:s3:::bucket:*".`},
	{versity, on(`"s3::bucket/*"`), `Partition "" is not valid for resource "arn::bucket/*:*:*:*".`},
	{"terraform-provider-aws issue 3045", on(`"arn::s3:::bucket"`), `Partition "" is not valid for resource "arn::s3:::bucket".`},
	{versity, on(`"arn:aws2:s3:::bucket/*"`), `Partition "aws2" is not valid for resource "arn:aws2:s3:::bucket/*".`},
	{"terraform-aws-modules/terraform-aws-iam issue 39, from the other side", on(`"arn:aws-cn:s3:::bucket"`), `Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::bucket".`},
	{"cloudera-labs/cloudera.exe issue 112", on(`"arn:${PARTITION}:s3:::bucket"`), `Partition "${PARTITION}" is not valid for resource "arn:${PARTITION}:s3:::bucket".`},
	{moto, on(`["arn:other:s3:::bucket","arn:other:s3::bucket"]`), `Partition "other" is not valid for resource "arn:other:s3:::bucket".`},
	{moto, on(`"arn:aws"`), wildResource},
	{"notes of three projects on GitHub of 2026, which quote AWS", on(`"arn:aws:*:*:123456789012:*"`), wildResource},
	{"guess, after those notes", on(`"arn:aws:s?:::bucket"`), wildResource},
	{"guess", on(`"arn:*"`), wildResource},

	{moto, on(`"arn:aws:s3::bucket"`), legacyParsing},
	{moto, stated(`"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3::bucket"`), legacyParsing},
	{moto, on(`"arn:aws::bucket"`), legacyParsing},
	{moto, on(`"arn:aws::::bucket"`), legacyParsing},
	{versity, on(`"arn:awss3::bucket/*"`), legacyParsing},

	{moto, on(`"arn:aws:iam:::user/bob"`), ""},
	{moto, on(`"arn:aws:iam::*:mfa/${aws:username}"`), ""},
	{"the words of AWS's message", on(`["arn:aws:iam::123456789012:*","arn:aws:iam::123456789012:root"]`), ""},
	{moto, on(`"arn:aws:iam:::bob"`), wantsIAMPath},
	{"duo-labs/parliament pull request 177", on(`"arn:aws:iam::123456789012:*/*"`), wantsIAMPath},
	{"guess: before the fifth colon is no place for it", on(`"arn:aws:iam::${aws:PrincipalAccount}:role/app"`), wantsIAMPath},
	{moto, on(`"arn:aws:iam:us-east-1::user/bob"`), `IAM resource arn:aws:iam:us-east-1::user/bob cannot contain region information.`},
	{moto, on(`"arn:aws:s3:us-east-1::bucket"`), `Resource arn:aws:s3:us-east-1::bucket can not contain region information.`},
	{moto, on(`["arn:aws:s3:us-east-1:123456789012:accesspoint/mine","arn:aws:s3:us-east-1:123456789012:accesspoint/mine/object/*"]`), ""},
	{"Service Authorization Reference, Amazon S3", on(`"arn:aws:s3:us-east-1:123456789012:job/*"`), ""},

	{versity, on(`[]`), needsResources},
	{versity, stated(`"Effect":"Allow","Action":"s3:*"`), needsResources},
	{"checkr/s3-sync issue 1", on(`null`), badSyntax},
	{moto, on(`{"a":"arn:aws:s3:::bucket"}`), badSyntax},
	{moto, on(`["x",{}]`), badSyntax},
	{grammar, on(`[null]`), badSyntax},
	{grammar, on(`true`), badSyntax},
	{versity, stated(plain + `,"NotResource":"x"`), badSyntax},
	{moto, stated(plain + `,"NotResource":[]`), badSyntax},
}
