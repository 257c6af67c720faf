// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "strings"

// The corpus of policies: documents and their statements.

const (
	sidCharacters = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	sidTwice      = "Statement IDs (SID) in a single policy must be unique."
)

// one is a statement that AWS takes.
const one = "{" + plain + "}"

var documentCases = []policyCase{
	{moto, `policy.json`, badSyntax},
	{moto, `{"Version":"2012-10-17","Statement":[` + one + `],}`, badSyntax},
	{"99designs/iamy issue 74", `null`, badSyntax},
	{versity, `{}`, badSyntax},
	{grammar, `[` + statementsOf(one) + `]`, badSyntax},
	{grammar, `"` + strings.ReplaceAll(statementsOf(one), `"`, `\"`) + `"`, badSyntax},
	{grammar, statementsOf(one) + statementsOf(one), badSyntax},
	{grammar, statementsOf(one), ""},

	// Version, Id and what else may stand at the top
	{versity, `{"Statement":[` + one + `]}`, ""},
	{grammar, `{"Version":"2008-10-17","Statement":[` + one + `]}`, ""},
	{grammar, `{"Statement":[` + one + `],"Version":"2012-10-17"}`, ""},
	{moto, `{"Version":"2012-10-18","Statement":[` + one + `]}`, badSyntax},
	{grammar, `{"Version":"","Statement":[` + one + `]}`, badSyntax},
	{grammar, `{"Version":20121017,"Statement":[` + one + `]}`, badSyntax},
	{grammar, `{"Version":null,"Statement":[` + one + `]}`, badSyntax},
	{moto, `{"Version":"2012-10-17","Id":"a b-c","Statement":[` + one + `]}`, ""},
	{moto, `{"Version":"2012-10-17","Id":["a"],"Statement":[` + one + `]}`, badSyntax},
	{moto, `{"Version":"2012-10-17","Id":{},"Statement":[` + one + `]}`, badSyntax},
	{grammar, `{"Version":"2012-10-17","Id":7,"Statement":[` + one + `]}`, badSyntax},
	{moto, `{"Version":"2012-10-17","Comment":"of the team","Statement":[` + one + `]}`, badSyntax},
	{"scality/Arsenal issue 121", `{"Version":"2012-10-17","Statement":[` + one + `],"Condition":{}}`, badSyntax},
	{"guess, after the names in moto's iam/policy_validation.py", `{"Version":"2012-10-17","Conditions":{},"Statement":[` + one + `]}`, ""},
	{grammar, `{"version":"2012-10-17","Statement":[` + one + `]}`, badSyntax},
	{grammar, `{"Version":"2012-10-17","statement":[` + one + `]}`, badSyntax},
	{blog2015, `{"Version":"2012-10-17","Statement":[` + one + `],"Statement":[` + one + `]}`, badSyntax},
	{blog2015, `{"Version":"2012-10-17","Version":"2012-10-17","Statement":[` + one + `]}`, badSyntax},

	// Statement
	{moto, `{"Version":"2012-10-17"}`, badSyntax},
	{versity, `{"Version":"2012-10-17","Statement":null}`, badSyntax},
	{versity, `{"Version":"2012-10-17","Statement":"hello"}`, badSyntax},
	{moto, `{"Version":"2012-10-17","Statement":[]}`, badSyntax},
	{moto, statementsOf(`"s3:*"`), badSyntax},
	{grammar, statementsOf(one, `null`), badSyntax},
	{grammar, statementsOf(`[` + one + `]`), badSyntax},
	{grammar, statementsOf(`{}`), badSyntax},
	{versity, `{"Version":"2012-10-17","Statement":` + one + `}`, ""},
	{bareBefore, `{"Statement":` + one + `,"Version":"2012-10-17"}`, legacyParsing},
	{"guess: no project has seen one refused", `{"Statement":` + one + `}`, ""},
	{"guess, after " + bareBefore, `{"Version":"2008-10-17","Statement":` + one + `}`, ""},

	// white space
	{"velero issue 1494", " " + statementsOf(one), legacyParsing},
	{"terraform pull request 14669", "\n" + statementsOf(one), legacyParsing},
	{"terraform issue 14652", "\t" + statementsOf(one), legacyParsing},
	{grammar, "{\r\n\t" + statementsOf(one)[1:] + "\r\n", ""},
	{"guess: IAM stores what it was sent", strings.Replace(statementsOf(one), "s3:GetObject", "s3:\u00e4", 1), ""},
}

var statementCases = []policyCase{
	// Effect
	{moto, stated(`"Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{versity, stated(`"Effect":"Maybe","Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{moto, stated(`"Effect":"allow","Action":"s3:GetObject","Resource":"*"`), legacyParsing},
	{"terraform issue 10057", stated(`"Effect":"DENY","Action":"s3:GetObject","Resource":"*"`), legacyParsing},
	{grammar, stated(`"Effect":["Allow"],"Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(`"Effect":true,"Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(`"Effect":null,"Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(`"Effect":"Deny","Action":"s3:GetObject","Resource":"*"`), ""},
	{grammar, stated(`"Resource":"*","Action":"s3:GetObject","Effect":"Deny"`), ""},
	{blog2015, stated(`"Effect":"Deny","Effect":"Allow","Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(`"effect":"Allow","Action":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(`"Effect":"Allow","effect":"Allow","Action":"s3:GetObject","Resource":"*"`), badSyntax},

	// names of elements
	{moto, stated(plain + `,"Comment":"x"`), badSyntax},
	{grammar, stated(plain + `,"Conditions":{}`), badSyntax},
	{grammar, stated(`"Effect":"Allow","Actions":"s3:GetObject","Resource":"*"`), badSyntax},
	{grammar, stated(plain + `,"Version":"2012-10-17"`), badSyntax},
	{grammar, stated(plain + `,"SID":"One"`), badSyntax},

	// Sid
	{grammar, stated(`"Sid":"1",` + plain), ""},
	{moto, stated(`"Sid":"ThisStatement",` + plain), ""},
	{moto, stated(`"Sid":{},` + plain), badSyntax},
	{moto, stated(`"Sid":[],` + plain), badSyntax},
	{grammar, stated(`"Sid":1,` + plain), badSyntax},
	{grammar, stated(`"Sid":null,` + plain), badSyntax},
	{"Wolox/carthage_cache issue 22", stated(`"Sid":"auto-made",` + plain), sidCharacters},
	{"aws-cloudformation/cfn-lint issue 708", stated(`"Sid":"Allow all of it",` + plain), sidCharacters},
	{grammar, stated(`"Sid":"\u00fcber",` + plain), sidCharacters},
	{versity, statementsOf(`{"Sid":"a",`+plain+`}`, `{"Sid":"a",`+plain+`}`), sidTwice},
	{moto, statementsOf(`{"Sid":"a",`+plain+`}`, `{"Sid":"a","Effect":"Allow"}`), sidTwice},
	{"guess: IAM User Guide, IAM JSON policy elements: Sid, has them unique and nothing of their case", statementsOf(`{"Sid":"a",`+plain+`}`, `{"Sid":"A",`+plain+`}`), ""},
	{"terraform-provider-aws, data source aws_iam_policy_document", statementsOf(`{"Sid":"",`+plain+`}`, `{"Sid":"",`+plain+`}`), ""},
	{moto, statementsOf(`{"Sid":"a",`+plain+`}`, one), ""},

	// Principal
	{versity, stated(`"Principal":"*",` + plain), namesAPrincipal},
	{versity, stated(`"NotPrincipal":"*",` + plain), namesAPrincipal},
	{"terraform-provider-aws issue 10419", stated(`"Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"},` + plain), namesAPrincipal},
	{versity, stated(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"}`), namesAPrincipal},
	{"terraform issue 13449", stated(`"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`), namesAPrincipal},

	// which mistake is told first
	{moto, stated(`"Effect":"Deny"`), needsActions},
	{moto, statementsOf(`{"Effect":"Deny"}`, one), needsActions},
	{moto, stated(`"Effect":"Allow","Resource":"arn:aws:s3::bucket"`), legacyParsing},
	{moto, stated(`"Effect":"allow","Resource":"arn:aws:s3:us-east-1::bucket"`), legacyParsing},
	{moto, statementsOf(`{"Sid":"a","Effect":"aLLow","Action":"s3:*","Resource":"*"}`, `{"Sid":"a","Effect":"Allow"}`), legacyParsing},
	{moto, stated(`"Effect":"Allow","Action":"s3"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
}
