// SPDX-License-Identifier: MPL-2.0

package fakeaws

// The corpus of policies: conditions, and the dates in them.

var conditionCases = []policyCase{
	{grammar, where(`{"StringEquals":{"aws:username":"ann"}}`), ""},
	{comparing, where(`{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/"]}}`), ""},
	{comparing, where(`{"StringNotEqualsIgnoreCase":{"a:b":"c"},"StringNotLike":{"a:b":"c"},"ArnNotLike":{"a:b":"arn:*"}}`), ""},
	{comparing, where(`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:DB8:1234:5678::/64"]},"NotIpAddress":{"aws:SourceIp":"203.0.113.7"}}`), ""},
	{comparing, where(`{"BinaryEquals":{"key":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}`), ""},
	{comparing, where(`{"Null":{"aws:TokenIssueTime":"true"}}`), ""},
	{comparing, where(`{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:REGION:123456789012:TOPIC-ID"}}`), ""},
	{comparing, where(`{"StringLikeIfExists":{"ec2:InstanceType":["t1.*"]}}`), ""},
	{moto, where(`{"ForAnyValue:StringEqualsIfExists":{"a":"b"},"ForAllValues:StringEquals":{"aws:TagKeys":"team"}}`), ""},
	{moto, where(`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`), ""},

	// types of values
	{grammar, where(`{"NumericLessThanEquals":{"s3:max-keys":10}}`), ""},
	{grammar, where(`{"NumericEquals":{"s3:max-keys":["10",2.5,-1]}}`), ""},
	{"udondan/iam-floyd issue 49", where(`{"Bool":{"aws:MultiFactorAuthPresent":false}}`), ""},
	{moto, where(`{"StringEquals":{"a:b":{}}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":{"c":"d"}}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":null}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":["c",null]}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":[["c"]]}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":[{}]}}`), badSyntax},
	{"guess: no project has seen one refused", where(`{"NumericEquals":{"s3:max-keys":"many"}}`), ""},
	{"guess: no reader of JSON that computes in doubles holds it", where(`{"NumericEquals":{"s3:max-keys":1e400}}`), badSyntax},
	{"guess: no project has seen one refused", where(`{"Bool":{"aws:SecureTransport":"maybe"}}`), ""},
	{"guess: no project has seen one refused", where(`{"IpAddress":{"aws:SourceIp":"home"}}`), ""},

	// empty ones
	{moto, where(`{}`), ""},
	{moto, where(`{"StringEquals":{}}`), ""},
	{moto, where(`{"StringEquals":{"a:b":[]}}`), ""},
	{moto, where(`{"DateGreaterThan":{"a":[]}}`), ""},
	{moto, where(`{"nonsense":{}}`), ""},
	{moto, where(`{"StringEquals":{"key":"c"}}`), ""},

	// shapes
	{moto, where(`[]`), badSyntax},
	{moto, where(`"a"`), badSyntax},
	{grammar, where(`null`), badSyntax},
	{moto, where(`[{"StringEquals":{"a:b":"c"}}]`), badSyntax},
	{moto, where(`{"StringEquals":"c"}`), badSyntax},
	{moto, where(`{"StringEquals":["c"]}`), badSyntax},
	{grammar, where(`{"StringEquals":null}`), badSyntax},

	// names of operators
	{moto, where(`{"nonsense":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"":{"a:b":"c"}}`), badSyntax},
	{moto, where(`{"ForAnyValue::StringEqualsIfExists":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"ForAnyValues:StringEquals":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"ForAnyValue:ForAllValues:StringEquals":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"StringEqualsIfExistsIfExists":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"IfExists":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"NullIfExists":{"a:b":"true"}}`), badSyntax},
	{"ministryofjustice/modernisation-platform-environments pull request 8893", where(`{"stringEquals":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"StringLikeIgnoreCase":{"a:b":"c"}}`), badSyntax},
	{comparing, where(`{"NumberEquals":{"a:b":"1"}}`), badSyntax},
	{comparing, where(`{"BinaryNotEquals":{"a:b":"YQ=="}}`), badSyntax},

	// keys twice
	{grammar, where(`{"StringEquals":{"a:b":"c"},"StringEquals":{"a:d":"e"}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":"c","a:b":"d"}}`), badSyntax},
	{analyzer, where(`{"StringEquals":{"aws:SourceIp":"c","aws:sourceip":"d"}}`), badSyntax},
	{grammar, where(`{"StringEquals":{"a:b":"c"},"StringLike":{"a:b":"d"}}`), ""},
}

var dateCases = []policyCase{
	{moto, date(`"2019-07-01T13:20:15Z"`), ""},
	{moto, date(`"2016-12-13T21:20:37.593194+00:00"`), ""},
	{moto, date(`"2016-12-13t2:00:00.593194+23"`), ""},
	{moto, date(`"01T"`), ""},
	{moto, date(`"-292275054"`), ""},
	{comparing, date(`["2020-01-01","2020-01","2020-01-01T00:00Z","2020-01-01T00:00:00-05:00"]`), ""},
	{comparing, date(`["1577836800",1577836800]`), ""},
	{comparing, where(`{"DateGreaterThanEqualsIfExists":{"aws:EpochTime":"0"}}`), ""},

	{moto, date(`"tomorrow"`), legacyParsing},
	{moto, date(`"234-13"`), legacyParsing},
	{moto, date(`"2016-12-13t2:00:00.593194+1"`), legacyParsing},
	{moto, date(`"2016-12-13t2:00:00.1999999999+10:59"`), legacyParsing},
	{moto, date(`"9223372036854775808"`), legacyParsing},
	{moto, date(`["2020-01-01T00:00:00Z","2020-01-32"]`), legacyParsing},
	{comparing, date(`"2020-*"`), legacyParsing},
	{comparing, date(`"${aws:CurrentTime}"`), legacyParsing},
	{"guess: neither date nor number", date(`""`), legacyParsing},
	{"guess: neither date nor number", date(`true`), legacyParsing},
	{"guess: epoch time is whole seconds", date(`"1577836800.5"`), legacyParsing},
	{moto, date(`"2020-01-01T24:00:00Z"`), legacyParsing},
	{moto, date(`"292278994-01-01"`), legacyParsing},
	{moto, where(`{"ForAnyValue:DateEquals":{"a:b":"x"}}`), legacyParsing},
	{moto, stated(`"Effect":"Allow","Action":"s3:*","Resource":"arn:other:s3:::bucket","Condition":{"DateEquals":{"a":"x"}}`), legacyParsing},
	{moto, stated(`"Effect":"Allow","Resource":"*","Condition":{"DateEquals":{"a":{}}}`), badSyntax},
	{"guess: no project has seen one refused in a comparison of text", where(`{"StringEquals":{"aws:CurrentTime":"tomorrow"}}`), ""},
}
