// SPDX-License-Identifier: MPL-2.0

// Package awscreds makes and deletes AWS credentials. It speaks AWS and knows
// nothing of Vault.
//
// Two functions matter most. [Client.CreateUser] makes an IAM user with everything
// that it should own in two round trips, however much that is. [Client.DeleteUser]
// deletes a user in two round trips if it owns only what it was given, and
// finds and removes everything else if its holder added something.
//
// A Client is safe for use by many goroutines, and immutable except for [Client.Rekey].
// It classifies errors (errors.go) and returns AWS's own code and message. It never decides
// what an error means to a user of Vault.
package awscreds

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

const (
	// appID tells AWS which application calls; it stands in the User-Agent of
	// each call, hence in CloudTrail.
	appID = "vault-plugin-secrets-aws-dyn"

	// DefaultRegion is used where neither the configuration nor the environment
	// names one. IAM is global within a partition: any region of the commercial
	// partition leads to the same IAM.
	DefaultRegion = "us-east-1"

	// parallel is how many calls one request may have under way at once. IAM
	// gives a user at most 20 managed policies and 10 groups, so most requests
	// fit in one go (IAM User Guide, "IAM and AWS STS quotas").
	parallel = 16

	// mostHelpers is how many calls all requests of a client together may have under
	// way, beside one each: enough for several requests at once.
	mostHelpers = 16 * parallel

	// mostConns is how many connections to one AWS endpoint there may be, all of which
	// stay open between requests: a new one costs more than the call that it is for.
	mostConns = 2 * mostHelpers

	// answerTimeout bounds the wait for the first byte of one answer. IAM answers
	// within a second or so; a connection that says nothing for this long is
	// taken for dead and the call counts as uncertain. Vault does not seal or step
	// down before the requests under way have ended.
	answerTimeout = 10 * time.Second
)

// Config says who calls AWS, and where.
type Config struct {
	// AccessKey and SecretKey identify the caller. When both are empty, the AWS
	// SDK's default chain serves: environment, shared profile, web identity token
	// file, container credentials, instance role (AWS SDKs and Tools Reference
	// Guide, "Standardized credential providers").
	AccessKey, SecretKey string

	// KeyName is what errors call AccessKey, such as "the access_key of config/root".
	KeyName string

	// Region picks the partition, and the endpoints in it. Empty: the
	// environment's, else DefaultRegion.
	Region string

	// IAMEndpoint replaces the IAM endpoint that the SDK would choose.
	IAMEndpoint string

	// STS lists where STS is called, in the order of trial. Empty: where the SDK
	// would call it.
	STS []STSEndpoint

	// SigninURL is where people are signed in to the console. Empty: AWS's own of the
	// session's partition.
	SigninURL string

	// RoleARN is a role to assume first; all other calls are made with its
	// credentials.
	RoleARN string

	// Token, where it is set, is who we are: it returns an OpenID Connect token, for
	// which STS gives credentials of RoleARN (STS API Reference,
	// AssumeRoleWithWebIdentity). Neither key nor environment is looked at then.
	Token func(ctx context.Context) (string, error)

	// Watch, where it is set, hears of each attempt of each call. It must not wait.
	Watch func(Attempt)

	// MaxRetries is how often a call is tried again, 0 for never, negative to
	// leave it to us, or to AWS_MAX_ATTEMPTS.
	MaxRetries int
}

// STSEndpoint is one place to call STS.
type STSEndpoint struct {
	// URL replaces the endpoint that the SDK would choose for Region. May be empty.
	URL string
	// Region is the region to sign for. Empty: the one that an AWS host name in
	// URL tells, else Config.Region.
	Region string
}

// Client makes and deletes credentials in one AWS account.
type Client struct {
	iam     *iamCalls
	sts     []stsPlace              // in the order of trial
	key     *ownKey                 // nil where the default chain serves
	host    string                  // of IAM, unless AWS's own
	iamURL  string                  // the configured one
	signin  signinPlace             // to the console
	account atomic.Pointer[Account] // that the client works in, once an answer has told
	helpers helpers
	lacks   *lacks // of the endpoint
	others  *others
	session *sessionCache // of the role, for a client that [Client.As] made
	given   bool          // its identity is what the server's environment gives, at any time
}

// New makes a client. It reads the environment and the shared configuration
// files and calls nobody: whether the credentials are any good is told by the
// first call that needs them.
func New(ctx context.Context, cfg Config) (*Client, error) {
	opts := []func(*config.LoadOptions) error{
		config.WithAppID(appID),
		config.WithDefaultRegion(DefaultRegion), // for the clients in the default chain, too
		config.WithHTTPClient(transport()),
		config.WithAPIOptions([]func(*middleware.Stack) error{answersOnly}), // of the clients in the default chain, too
	}
	if cfg.Region != "" {
		opts = append(opts, config.WithRegion(cfg.Region))
	}
	key := newOwnKey(cfg)
	if key != nil {
		opts = append(opts, config.WithCredentialsProvider(key))
	}
	if cfg.Token != nil { // the default chain is not asked, so what it misses in the environment is no fault
		opts = append(opts, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	sdk, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, ofEnvironment(err)
	}
	if key != nil {
		sdk.Credentials = key // without the cache that the SDK puts around it
	}
	if cfg.MaxRetries >= 0 {
		sdk.RetryMaxAttempts = cfg.MaxRetries + 1 // else what AWS_MAX_ATTEMPTS says, or the SDK's default
	}
	sdk.Retryer = func() aws.Retryer { return retryer{} } // the SDK makes it keep to RetryMaxAttempts
	sdk.APIOptions = append(sdk.APIOptions, watchAttempts(sdk.RetryMode, sdk.RetryMaxAttempts != 0, cfg.Watch))
	sdk = withIdentity(sdk, cfg)
	sdk.APIOptions = append(sdk.APIOptions, traceAnswers)

	host := foreignHost(cfg.IAMEndpoint)
	c := &Client{
		iam:     callsOf(iam.NewFromConfig(sdk, iamAt(cfg.IAMEndpoint))),
		sts:     stsClients(sdk, cfg.STS),
		host:    host,
		iamURL:  cfg.IAMEndpoint,
		signin:  signinPlace{cfg.SigninURL, sdk.HTTPClient},
		helpers: newHelpers(),
		lacks:   &lacks{foreign: host != ""},
		others:  newOthers(),
		key:     key,
	}
	if chain, ok := sdk.Credentials.(*found); ok && key == nil && cfg.RoleARN == "" { // a role is in one account, whoever assumes it
		chain.moved = c.mayHaveMoved
		c.given = true
	}
	return c, nil
}

// transport returns the SDK's own HTTP client, sized for many calls at once. It
// is the SDK's so that AWS_CA_BUNDLE, proxies and the like keep working: the
// SDK refuses to put a CA bundle into a plain http.Client.
func transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 2 * mostConns
		t.MaxIdleConnsPerHost, t.MaxConnsPerHost = mostConns, mostConns
		t.ResponseHeaderTimeout = answerTimeout
	})
}

// absolute gives an endpoint a scheme: "iam.example.com" means https, as it does
// for the AWS CLI's users of old.
func absolute(endpoint string) (url.URL, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return url.URL{}, fmt.Errorf("reading endpoint: %w", err)
	}
	return *u, nil
}
