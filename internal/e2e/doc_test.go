// SPDX-License-Identifier: MPL-2.0

// Package e2e runs the shipped binary in real Vault servers, against the fake AWS.
//
// Everything goes through doors that an operator has: Vault's command line and its HTTP API, the plugin
// catalog with the binary's sha256, signals to processes. Each test has its own Vault and its own AWS account,
// and the account fails the test if a user is left in it.
//
// START HERE: walk_test.go. The files without a Test in them are the machinery: programs_test.go finds the
// binaries, server_test.go runs a Vault, raft_test.go one that survives being killed, plugin_test.go knows the
// plugin in it, peer_test.go the built-in engine in it, http_test.go speaks to it, key_test.go uses what it hands out.
// host_test.go plays a server that is not Vault.
// The files differential_*_test.go compare the plugin with the built-in engine: begin with differential_test.go and
// testdata/differences.txt. bench_*_test.go compare its speed: begin with bench_test.go and docs/performance.md.
// matrix_*_test.go kill it between any two steps of what it does: begin with matrix_test.go and ./steps. cluster_*_test.go
// change the leader of three servers, and the plugin: begin with cluster_test.go. What must hold after either is in
// check_test.go, and stored_test.go reads what is stored. helper_*_test.go run vault-aws, the program for the terminal:
// begin with helper_test.go. sdk_*_test.go have AWS SDKs read it by themselves: begin with
// sdk_test.go. recipes_test.go runs the commands of docs/recipes.md.
package e2e
