// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
)

// This file is about where in the world the account is: its partition, its number in the IDs of keys, and the region that
// a signature has to be scoped to.

// Partitions are those of AWS: partitions.json of the AWS SDK for Go v2.
var Partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"}

// homeRegions are one region of each partition, where its IAM is.
var homeRegions = map[string]string{
	"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1",
	"aws-iso": "us-iso-east-1", "aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-south-1",
}

// HomeRegion is the region that a client of the account is to be given.
func (s *Server) HomeRegion() (region string) {
	s.with(func(a *account) { region = homeRegions[a.partition] })
	return region
}

// partitionPattern is any of them.
var partitionPattern = "(?:" + strings.Join(Partitions, "|") + ")"

// WithPartition puts the account in a partition such as aws-cn. The default is aws.
func WithPartition(name string) Option {
	return func(s *Server) { s.account.partition = name }
}

// inPartition refuses the ARN of a policy that is of another partition, in the words of AWS that several people report, as in
// pulumi/pulumi-aws-apigateway#347.
func (a *account) inPartition(arn string) *Refusal {
	if strings.HasPrefix(arn, "arn:"+a.partition+":") {
		return nil
	}
	return validationError("Invalid ARN partition")
}

// newKeyID is the ID of an access key: four letters, and 16 characters of base32 that hold the number of the account in 40 of
// their bits, behind one that is set in all keys since 2019, and otherwise chance. AWS documents that a key ID tells the
// account (AWS STS API Reference, GetAccessKeyInfo); where it stands in it was found out by others, and is measured.
func (a *account) newKeyID(prefix string) string {
	var raw [10]byte
	rand.Read(raw[:])                                     // it never fails: crypto/rand
	number, _ := strconv.ParseUint(a.id, 10, 40)          // 0 for what is no number
	head := 1<<47 | number<<7 | uint64(raw[5]&0x7f)       // six bytes
	binary.BigEndian.PutUint32(raw[:4], uint32(head>>16)) //nolint:gosec // four of the six
	binary.BigEndian.PutUint16(raw[4:6], uint16(head&0xffff))
	return prefix + base32.StdEncoding.EncodeToString(raw[:])
}

// SetSigningRegion makes the server refuse calls whose signature is scoped to another region, as every endpoint of AWS does;
// "" takes any. It is for clients that reach the server by its own address. Those that reach it by a name of AWS's, through a
// proxy, have to sign for the region of that name in any case.
func (s *Server) SetSigningRegion(region string) {
	s.with(func(a *account) { a.region = region })
}

// regionOf is the region that a host of AWS wants signatures scoped to, and "" for other hosts: "IAM endpoints and quotas"
// and "AWS Security Token Service endpoints and quotas" in the AWS General Reference. The global endpoints are those of
// us-east-1.
func regionOf(host string) string {
	name, rest, _ := strings.Cut(strings.ToLower(host), ".")
	if name = strings.TrimSuffix(name, "-fips"); name != "iam" && name != "sts" {
		return ""
	}
	region, suffix, _ := strings.Cut(rest, ".")
	switch {
	case region == "amazonaws", region == "global":
		return "us-east-1"
	case !strings.Contains(suffix, "amazonaws.") && !strings.HasPrefix(suffix, "api.aws") && !strings.Contains(suffix, ".ic.gov") && !strings.Contains(suffix, ".sgov.gov"):
		return ""
	case region == "us-gov":
		return "us-gov-west-1"
	}
	return region
}

// scopedTo refuses a signature for another region, in the words of AWS, such as cognitect-labs/aws-api#27 quotes them.
func (c credential) scopedTo(region string) *Refusal {
	if region == "" || c.scope.region == region {
		return nil
	}
	return signatureMismatch("Credential should be scoped to a valid region, not '%s'. ", c.scope.region)
}
