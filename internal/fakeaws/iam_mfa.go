// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"regexp"
	"slices"
	"time"
)

// This file keeps virtual MFA devices: an account has them, and a user may have one enabled.

// maxDevices is a quota of a user. IAM User Guide, "IAM and AWS STS quotas".
const maxDevices = 8

var codePattern = regexp.MustCompile(`^\d{6}$`)

type virtualDeviceXML struct {
	SerialNumber string
	Seed         string `xml:"Base32StringSeed"`
}

type deviceXML struct {
	UserName     string
	SerialNumber string
	EnableDate   string
}

// devicesOf lists the devices that are enabled for a user.
func (a *account) devicesOf(u *user) []*mfaDevice {
	devices := slices.Clone(u.devices)
	for _, d := range a.devices {
		if d.owner == u {
			devices = append(devices, d)
		}
	}
	return devices
}

func createVirtualMFADevice(a *account, q request) (any, *Refusal) {
	serial := a.arn("mfa", cmp.Or(q.params.Get("Path"), "/"), q.params.Get("VirtualMFADeviceName"))
	if a.devices[serial] != nil {
		return nil, alreadyExists("MFADevice entity at the same path and name already exists.")
	}
	a.devices[serial] = &mfaDevice{serial: serial}
	return struct{ VirtualMFADevice virtualDeviceXML }{virtualDeviceXML{serial, newSecret(40)}}, nil
}

// deviceOf finds the device that the request names.
func (a *account) deviceOf(q request) (*mfaDevice, *Refusal) {
	serial := q.params.Get("SerialNumber")
	d, ok := a.devices[serial]
	if !ok {
		return nil, noSuchEntity("VirtualMFADevice with serial number %s doesn't exist.", serial)
	}
	return d, nil
}

func deleteVirtualMFADevice(a *account, q request) (any, *Refusal) {
	d, refusal := a.deviceOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if d.owner != nil {
		return nil, deleteConflict("must deactivate MFA device first")
	}
	delete(a.devices, d.serial)
	return nil, nil
}

func enableMFADevice(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	d, refusal := a.deviceOf(q)
	if refusal != nil {
		return nil, refusal
	}
	for _, param := range []string{"AuthenticationCode1", "AuthenticationCode2"} {
		if !codePattern.MatchString(q.params.Get(param)) {
			return nil, &Refusal{403, "InvalidAuthenticationCode", "Authentication code for device is not valid."}
		}
	}
	switch {
	case d.owner != nil:
		return nil, alreadyExists("MFA Device is already in use.")
	case len(a.devicesOf(q.seen)) >= maxDevices:
		return nil, overQuota("MFADevicesPerUser", maxDevices)
	}
	d.owner, d.enabled, d.deactivated = u, q.at, false
	return nil, nil
}

func deactivateMFADevice(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	d, refusal := a.deviceOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if d.owner != u {
		return nil, noSuchEntity("MFA Device invalid for user.")
	}
	d.owner, d.enabled, d.deactivated = nil, time.Time{}, true
	return nil, nil
}

func listMFADevices(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var devices []deviceXML
	for _, d := range a.devicesOf(u) {
		devices = append(devices, deviceXML{u.name, d.serial, stamp(d.enabled)})
	}
	devices, page, refusal := paginate(a, q, devices, func(d deviceXML) string { return d.SerialNumber })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		MFADevices members[deviceXML]
		pageXML
	}{listOf(devices), page}, nil
}
