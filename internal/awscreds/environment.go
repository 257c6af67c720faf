// SPDX-License-Identifier: MPL-2.0

package awscreds

// What the SDK reads of the process's environment, and of the files that it names. A mistake there
// is that of the server's operator, and keeps every call from being made.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

// EnvironmentError says that the SDK cannot use the environment as it is.
type EnvironmentError struct{ Err error }

func (e *EnvironmentError) Error() string {
	var profile config.SharedConfigProfileNotExistError
	if errors.As(e.Err, &profile) && os.Getenv("AWS_PROFILE") == profile.Profile {
		return "AWS_PROFILE in the plugin's environment names the profile " + profile.Profile + ", which is in no shared configuration file"
	}
	return fmt.Sprintf("the AWS settings in the plugin's environment (%s) cannot be used: %v", strings.Join(settings(), ", "), e.Err)
}

// Unwrap returns the SDK's error.
func (e *EnvironmentError) Unwrap() error { return e.Err }

// settings are the names of the SDK's variables that are set: not all of its errors name one.
func settings() []string {
	var names []string
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ofEnvironment marks an error in reading the environment. That the name of a container's host
// cannot be looked up passes, and is no mistake.
func ofEnvironment(err error) error {
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return fmt.Errorf("loading the AWS SDK's configuration: %w", err)
	}
	return &EnvironmentError{Err: err}
}
