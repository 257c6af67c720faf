// SPDX-License-Identifier: MPL-2.0

// Package e2e is the map of the end-to-end tests, which run the shipped binary in real Vault servers, with the fake AWS.
//
// The tests use what an operator has: Vault's command line and its HTTP API, the plugin
// catalog with the binary's sha256, and signals to processes. Each test has its own Vault and its own AWS account,
// and the account fails the test if a user is left in it.
//
// Each suite is a folder that compiles and runs alone, as in "go test ./internal/e2e/takeover". START HERE: walk.
//
//   - walk: what an operator does, and what must hold when something dies
//   - clients: what Terraform, Vault Agent and other programs send
//   - sdk: AWS SDKs that fetch credentials from Vault by themselves, and the examples
//   - vaultaws: the command-line program
//   - services: servers with and without events, rotation and identity tokens
//   - recipes: the commands of docs/recipes.md
//   - crash: the plugin is killed between any two steps
//   - cluster: the leader and the plugin change
//   - load: more clients than AWS serves
//   - editions: upgrade from version 0.1, and downgrade
//   - takeover: a mount moves from the built-in engine to this one, and back
//   - differential: the same requests to both engines
//   - bench: how fast both are
//
// Shared by the suites:
//
//   - programs: finds the binaries
//   - server: runs a Vault, and speaks to it
//   - host: plays a server that is not Vault
//   - steps: a plugin that stops between any two steps; stepping: a Vault with that plugin
//   - check: what must hold after every test that interrupts something
//   - crowd: the clients of a busy Vault
//
// acceptance is not a suite: it runs in a real AWS account.
package e2e
