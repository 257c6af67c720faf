// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	noAllow     = "because no identity-based policy allows the "
	anExplicit  = "with an explicit deny in an identity-based policy"
	outOfBounds = "because no permissions boundary allows the "
)

// allows is a policy of statements that allow.
func allows(statements ...string) string {
	for i, s := range statements {
		statements[i] = `{"Effect":"Allow",` + s + `}`
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allowing is a statement of an action, a resource in IAM and conditions.
func allowing(action, resource, conditions string) string {
	return fmt.Sprintf(`"Action":%q,"Resource":"arn:aws:iam::123456789012:%s","Condition":{%s}`, action, resource, conditions)
}

func TestCallsAreJudgedByPolicies(t *testing.T) {
	t.Parallel()
	const bound, other = "arn:aws:iam::123456789012:policy/bound", "arn:aws:iam::123456789012:policy/other"
	boundary := `"StringEquals":{"iam:PermissionsBoundary":"` + bound + `"}`
	anyUser := allows(allowing("iam:*", "user/*", ""))
	for name, tc := range map[string]struct {
		policy string
		want   string // in AWS's words; "" is allowed
		call   []string
	}{
		"nothing":                   {allows(), noAllow + "iam:GetUser action", []string{"GetUser", "UserName", "ann"}},
		"by name":                   {allows(allowing("iam:GetUser", "user/ann", "")), "", []string{"GetUser", "UserName", "ann"}},
		"without the path":          {allows(allowing("iam:GetUser", "user/pat", "")), noAllow, []string{"GetUser", "UserName", "pat"}},
		"with the path":             {allows(allowing("iam:GetUser", "user/*/pat", "")), "", []string{"GetUser", "UserName", "pat"}},
		"one that is not there":     {allows(allowing("iam:GetUser", "user/nobody", "")), "NoSuchEntity", []string{"GetUser", "UserName", "nobody"}},
		"who is not allowed to ask": {allows(allowing("iam:GetUser", "user/ann", "")), noAllow, []string{"GetUser", "UserName", "nobody"}},
		"action by pattern":         {allows(allowing("IAM:get?ser", "user/ann", "")), "", []string{"GetUser", "UserName", "ann"}},
		"another account":           {strings.Replace(anyUser, "123456789012", "210987654321", 1), noAllow, []string{"GetUser", "UserName", "ann"}},
		"another service":           {allows(allowing("sts:*", "user/*", "")), noAllow, []string{"GetUser", "UserName", "ann"}},
		"not these actions":         {allows(`"NotAction":"iam:Get*","Resource":"*"`), noAllow, []string{"GetUser", "UserName", "ann"}},
		"not these resources":       {allows(`"Action":"*","NotResource":"arn:aws:iam::123456789012:user/ann"`), noAllow, []string{"GetUser", "UserName", "ann"}},
		"but others":                {allows(`"NotAction":"iam:Delete*","NotResource":"arn:aws:iam::123456789012:user/bob"`), "", []string{"GetUser", "UserName", "ann"}},
		"a deny wins":               {strings.Replace(allows(`"Action":"*","Resource":"*"`, `"Action":"iam:GetUser","Resource":"*"`), `{"Effect":"Allow","Action":"iam:G`, `{"Effect":"Deny","Action":"iam:G`, 1), anExplicit, []string{"GetUser", "UserName", "ann"}},
		"oneself":                   {allows(allowing("iam:GetUser", "user/${aws:username}", "")), "", []string{"GetUser"}},
		"not others":                {allows(allowing("iam:GetUser", "user/${aws:username}", "")), noAllow, []string{"GetUser", "UserName", "ann"}},
		"no variables then":         {strings.Replace(allows(allowing("iam:GetUser", "user/${aws:username}", "")), "2012", "2008", 1), noAllow, []string{"GetUser"}},
		"an unknown variable":       {allows(allowing("iam:GetUser", "user/${aws:SourceIp}", "")), noAllow, []string{"GetUser"}},
		"its default":               {allows(allowing("iam:GetUser", "user/${aws:SourceIp, 'ann'}", "")), "", []string{"GetUser", "UserName", "ann"}},
		"the star itself":           {allows(allowing("iam:CreateUser", "user/${*}/x", "")), "", []string{"CreateUser", "UserName", "x", "Path", "/*/"}},
		"and no other":              {allows(allowing("iam:CreateUser", "user/${*}/x", "")), noAllow, []string{"CreateUser", "UserName", "x", "Path", "/a/"}},
		"bounded":                   {allows(allowing("iam:CreateUser", "user/*", boundary)), "", []string{"CreateUser", "UserName", "x", "PermissionsBoundary", bound}},
		"unbounded":                 {allows(allowing("iam:CreateUser", "user/*", boundary)), noAllow, []string{"CreateUser", "UserName", "x"}},
		"bounded otherwise":         {allows(allowing("iam:CreateUser", "user/*", boundary)), noAllow, []string{"CreateUser", "UserName", "x", "PermissionsBoundary", other}},
		"policy of a bounded user":  {allows(allowing("iam:PutUserPolicy", "user/*", boundary)), "", []string{"PutUserPolicy", "UserName", "pat", "PolicyName", "p", "PolicyDocument", anyUser}},
		"policy of an unbounded":    {allows(allowing("iam:PutUserPolicy", "user/*", boundary)), noAllow, []string{"PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", anyUser}},
		"policy by ARN":             {allows(allowing("iam:AttachUserPolicy", "user/*", `"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::123456789012:policy/b*"}`)), "", []string{"AttachUserPolicy", "UserName", "ann", "PolicyArn", bound}},
		"another policy":            {allows(allowing("iam:AttachUserPolicy", "user/*", `"ArnEquals":{"iam:policyarn":["`+bound+`"]}`)), noAllow, []string{"AttachUserPolicy", "UserName", "ann", "PolicyArn", other}},
		"group":                     {allows(allowing("iam:AddUserToGroup", "group/readers", "")), "", []string{"AddUserToGroup", "UserName", "ann", "GroupName", "readers"}},
		"another group":             {allows(allowing("iam:AddUserToGroup", "group/readers", "")), noAllow, []string{"AddUserToGroup", "UserName", "ann", "GroupName", "writers"}},
		"tags need an action":       {allows(allowing("iam:CreateUser", "user/*", "")), noAllow + "iam:TagUser action", []string{"CreateUser", "UserName", "x", "Tags.member.1.Key", "team", "Tags.member.1.Value", "a"}},
		"tags by key":               {allows(allowing("iam:CreateUser", "user/*", ""), allowing("iam:TagUser", "user/*", `"ForAllValues:StringEquals":{"aws:TagKeys":["team","unit"]}`)), "", []string{"CreateUser", "UserName", "x", "Tags.member.1.Key", "team", "Tags.member.1.Value", "a"}},
		"another tag":               {allows(allowing("iam:*", "user/*", `"ForAllValues:StringEquals":{"aws:TagKeys":"team"}`)), noAllow, []string{"CreateUser", "UserName", "x", "Tags.member.1.Key", "unit", "Tags.member.1.Value", "a"}},
		"tag by value":              {allows(allowing("iam:*", "user/*", `"StringLike":{"aws:RequestTag/Team":"a*"}`)), "", []string{"CreateUser", "UserName", "x", "Tags.member.1.Key", "team", "Tags.member.1.Value", "ab"}},
		"any of several":            {allows(allowing("iam:*", "user/*", `"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}`)), noAllow, []string{"CreateUser", "UserName", "x"}},
		"key that is not there":     {allows(allowing("iam:*", "user/*", `"StringNotEquals":{"aws:RequestTag/team":"a"}`)), "", []string{"CreateUser", "UserName", "x"}},
		"if it exists":              {allows(allowing("iam:*", "user/*", `"StringEqualsIfExists":{"aws:RequestTag/team":"a"}`)), "", []string{"CreateUser", "UserName", "x"}},
		"if it is there":            {allows(allowing("iam:*", "user/*", `"Null":{"aws:RequestTag/team":"false"}`)), noAllow, []string{"CreateUser", "UserName", "x"}},
		"two conditions":            {allows(allowing("iam:*", "user/*", boundary+`,"Null":{"aws:RequestTag/team":"false"}`)), noAllow, []string{"CreateUser", "UserName", "x", "PermissionsBoundary", bound}},
		"of its tags":               {allows(allowing("iam:*", "user/*", `"StringEquals":{"aws:ResourceTag/team":"a"}`)), "", []string{"GetUser", "UserName", "pat"}},
		"after a moment":            {allows(allowing("iam:*", "user/*", `"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`)), "", []string{"GetUser", "UserName", "ann"}},
		"before it":                 {allows(allowing("iam:*", "user/*", `"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`)), noAllow, []string{"GetUser", "UserName", "ann"}},
		"what has no resource":      {allows(allowing("iam:ListUsers", "user/*", "")), noAllow, []string{"ListUsers"}},
		"but all":                   {allows(`"Action":"iam:ListUsers","Resource":"*"`), "", []string{"ListUsers"}},
		"needs no permission":       {allows(), "", []string{"GetCallerIdentity"}},
		"nor does this":             {allows(), "", []string{"GetSessionToken"}},
		"role":                      {allows(allowing("sts:AssumeRole", "role/deploy", "")), "", []string{"AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/deploy", "RoleSessionName", "s1"}},
		"role with an ID":           {allows(allowing("sts:AssumeRole", "role/*", `"StringEquals":{"sts:ExternalId":"id"}`)), noAllow, []string{"AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/deploy", "RoleSessionName", "s1"}},
		"session tags":              {allows(allowing("sts:AssumeRole", "role/*", "")), noAllow + "sts:TagSession action", []string{"AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/deploy", "RoleSessionName", "s1", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v"}},
		"source identity":           {allows(allowing("sts:AssumeRole", "role/*", "")), noAllow + "sts:SetSourceIdentity action", []string{"AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/deploy", "RoleSessionName", "s1", "SourceIdentity", "ann"}},
		"federated user":            {allows(`"Action":"sts:GetFederationToken","Resource":"arn:aws:sts::123456789012:federated-user/a*"`), "", []string{"GetFederationToken", "Name", "ann"}},
		"another one":               {allows(`"Action":"sts:GetFederationToken","Resource":"arn:aws:sts::123456789012:federated-user/a*"`), noAllow, []string{"GetFederationToken", "Name", "bob"}},
		"key of a user":             {allows(allowing("iam:GetAccessKeyLastUsed", "user/ann", "")), "", []string{"GetAccessKeyLastUsed", "AccessKeyId", "(of ann)"}},
		"key of another":            {allows(allowing("iam:GetAccessKeyLastUsed", "user/pat", "")), noAllow, []string{"GetAccessKeyLastUsed", "AccessKeyId", "(of ann)"}},
		"device":                    {allows(allowing("iam:DeleteVirtualMFADevice", "mfa/*", "")), "NoSuchEntity", []string{"DeleteVirtualMFADevice", "SerialNumber", "arn:aws:iam::123456789012:mfa/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			admin := as(s, s.AddUser("admin"))
			s.AddPolicy(bound)
			s.AddPolicy(other)
			s.AddRole("deploy")
			s.AddGroup("readers")
			s.AddGroup("writers")
			ann := s.AddUser("ann")
			do(t, admin, "CreateUser", "UserName", "pat", "Path", "/team/a/", "PermissionsBoundary", bound, "Tags.member.1.Key", "team", "Tags.member.1.Value", "a")
			if err := s.SetIdentityPolicies(rootUser, strings.Replace(tc.policy, `"Statement":[]`, `"Statement":[{"Effect":"Allow","Action":"iam:Nothing","Resource":"*"}]`, 1)); err != nil {
				t.Fatal(err)
			}
			for i, value := range tc.call {
				if value == "(of ann)" {
					tc.call[i] = ann.AccessKeyID
				}
			}
			switch call := tc.call; tc.want {
			case "":
				do(t, root(s), call[0], call[1:]...)
			case "NoSuchEntity":
				refused(t, root(s), 404, tc.want, "", call[0], call[1:]...)
			default:
				refused(t, root(s), 403, "AccessDenied", tc.want, call[0], call[1:]...)
			}
			s.Trusting(rootUser)
			do(t, root(s), "ListUsers")
		})
	}
}

func TestDenialsAreInTheWordsOfAWS(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.SetIdentityPolicies(rootUser, allows(allowing("iam:GetUser", "user/*", ""))); err != nil {
		t.Fatal(err)
	}
	refused(t, root(s), 403, "AccessDenied", "User: arn:aws:iam::123456789012:user/vault-root is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/team/x because no identity-based policy allows the iam:CreateUser action",
		"CreateUser", "UserName", "x", "Path", "/team/")
	if err := s.SetBoundaryPolicy(rootUser, allows(allowing("iam:GetUser", "user/vault-root", ""))); err != nil {
		t.Fatal(err)
	}
	do(t, root(s), "GetUser")
	refused(t, root(s), 403, "AccessDenied", outOfBounds+"iam:GetUser action", "GetUser", "UserName", "nobody")
	if err := s.SetBoundaryPolicy(rootUser, strings.Replace(allows(allowing("iam:GetUser", "user/*", "")), "Allow", "Deny", 1)); err != nil {
		t.Fatal(err)
	}
	refused(t, root(s), 403, "AccessDenied", "with an explicit deny in a permissions boundary", "GetUser")
	if err := s.SetBoundaryPolicy(rootUser, ""); err != nil {
		t.Fatal(err)
	}
	do(t, root(s), "GetUser")
	if err := s.SetIdentityPolicies(rootUser, `{"Statement":[]}`); err == nil || !strings.Contains(err.Error(), "MalformedPolicyDocument") {
		t.Errorf("a policy that AWS refuses: %v", err)
	}
}

// The session of a role is judged by the role, in its own account.
func TestSessionsAreJudgedByTheirRole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	elsewhere := s.Account("210987654321")
	if err := elsewhere.SetIdentityPolicies("hub", strings.ReplaceAll(allows(allowing("iam:GetUser", "user/ann", "")), "123456789012", "210987654321")); err != nil {
		t.Fatal(err)
	}
	elsewhere.AddUser("ann")
	elsewhere.AddUser("bob")
	do(t, root(s), "AssumeRole", "RoleArn", "arn:aws:iam::210987654321:role/hub", "RoleSessionName", "s1")
	var session Key
	elsewhere.with(func(a *account) {
		for _, key := range a.keys {
			if key.session != nil {
				session = key.key()
			}
		}
	})
	do(t, as(s, session), "GetUser", "UserName", "ann")
	refused(t, as(s, session), 403, "AccessDenied", "assumed-role/hub/s1 is not authorized to perform: iam:GetUser", "GetUser", "UserName", "bob")
}

// Whoever adds an action says what it needs.
func TestEveryActionIsJudged(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		if judgedOn[name] == nil != slices.Contains(unjudged, name) {
			t.Errorf("asks.go does not say which resource %s has, or that it needs no permission", name)
		}
	}
}

func TestControlOfPolicies(t *testing.T) {
	t.Parallel()
	s := newServer(t, WithControl())
	set := func(body string) (int, string) { return get(t, "POST", s.URL()+"/_policies", body) }
	if status, body := set(`{"name":"vault-root","policies":[` + allows(allowing("iam:GetUser", "user/*", "")) + `],"boundary":` + allows(allowing("iam:*", "user/vault-*", "")) + `}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	do(t, root(s), "GetUser")
	refused(t, root(s), 403, "AccessDenied", noAllow, "ListUsers")
	if status, body := set(`{"name":"vault-root"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	do(t, root(s), "ListUsers")
	for bad, words := range map[string]string{`{}`: "name is missing", `{`: "must be JSON", `{"name":"x","policies":[{}]}`: "MalformedPolicyDocument", `{"name":"x","what":1}`: "what"} {
		if status, body := set(bad); status != 400 || !strings.Contains(body, words) {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
}
