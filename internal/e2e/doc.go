// SPDX-License-Identifier: MPL-2.0

// Package e2e is the map of the end-to-end tests, which run the shipped binary in real Vault servers, against the fake AWS.
//
// Everything goes through doors that an operator has: Vault's command line and its HTTP API, the plugin
// catalog with the binary's sha256, signals to processes. Each test has its own Vault and its own AWS account,
// and the account fails the test if a user is left in it.
//
// Each suite is a folder that compiles and runs alone, as in "go test ./internal/e2e/takeover". START HERE: walk.
//
//   - walk: what an operator does, and what must hold when something dies
//   - clients: what Terraform, Vault Agent and other programs send
//   - sdk: AWS SDKs that read Vault by themselves, and the examples
//   - vaultaws: the program for the terminal
//   - services: servers with and without events, rotation and identity tokens
//   - recipes: the commands of docs/recipes.md
//   - crash: the plugin is killed between any two steps
//   - cluster: the leader and the plugin change
//   - load: more clients than AWS serves
//   - editions: the first edition hands over to this one
//   - takeover: the built-in engine hands over, and gets the mount back
//   - differential: the same requests to both engines
//   - bench: how fast both are
//
// What they stand on: programs finds the binaries, server runs a Vault and speaks to it, host plays a server that is not
// Vault, stepping is a Vault with the plugin of steps, which stops between two steps, check says what must hold
// afterwards, and crowd is the clients of a busy Vault. acceptance is no suite: it walks in a real AWS account.
package e2e
