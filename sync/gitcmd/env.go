package gitcmd

import (
	"slices"
	"strconv"
	"strings"
)

// leaking are variables that tie git to a surrounding repository, to a hook's
// quarantine or to a caller's one-time configuration. They are removed. The first
// group is the list of `git rev-parse --local-env-vars`.
var leaking = map[string]bool{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES": true, "GIT_CONFIG": true, "GIT_CONFIG_PARAMETERS": true,
	"GIT_CONFIG_COUNT": true, "GIT_OBJECT_DIRECTORY": true, "GIT_DIR": true, "GIT_WORK_TREE": true,
	"GIT_IMPLICIT_WORK_TREE": true, "GIT_GRAFT_FILE": true, "GIT_INDEX_FILE": true,
	"GIT_NO_REPLACE_OBJECTS": true, "GIT_REPLACE_REF_BASE": true, "GIT_PREFIX": true,
	"GIT_INTERNAL_SUPER_PREFIX": true, "GIT_SHALLOW_FILE": true, "GIT_COMMON_DIR": true,

	"GIT_QUARANTINE_PATH": true, "GIT_NAMESPACE": true, "GIT_DEFAULT_HASH": true, "GIT_DEFAULT_REF_FORMAT": true,
	"GIT_REFLOG_ACTION": true, "GIT_PUSH_OPTION_COUNT": true, "GIT_ALLOW_PROTOCOL": true, "GIT_PROTOCOL": true,
	"GIT_PROTOCOL_FROM_USER": true, "GIT_LITERAL_PATHSPECS": true, "GIT_FLUSH": true, "GIT_ALLOC_LIMIT": true,
	"GIT_TERMINAL_PROMPT": true, "SSH_ASKPASS": true, "SSH_ASKPASS_REQUIRE": true,
	"LC_ALL": true, "LANGUAGE": true, "GIT_CURL_VERBOSE": true,
}

// allocLimit bounds, in bytes, a single allocation of git, so that a tree or
// commit object of absurd size fails instead of filling memory. Blobs stream.
// It is set where git reads what a remote sent.
const allocLimit = 512 << 20

// loginKeys begin the settings that are taken over from GIT_CONFIG_COUNT. Scripts
// use it to say how to log in and which proxy or address to use. Its other settings
// are about a surrounding repository.
var loginKeys = []string{"credential.", "http.", "url.", "ssh.", "core.sshcommand", "core.askpass", "core.gitproxy"}

// environ is the environment of a git process: the caller's without the leaking
// variables, with variables that keep git from asking, and with configuration,
// which so does not appear in the argument vector. A program that answers for the
// person stays: GIT_ASKPASS, and SSH_ASKPASS where it is required.
func environ(base []string, config [][2]string) []string {
	env := make([]string, 0, len(base)+2*len(config)+12)
	had := map[string]string{}
	for _, kv := range base {
		name, value, _ := strings.Cut(kv, "=")
		had[name] = value
		switch {
		case leaking[name], strings.HasPrefix(name, "GIT_CONFIG_KEY_"), strings.HasPrefix(name, "GIT_CONFIG_VALUE_"),
			strings.HasPrefix(name, "GIT_PUSH_OPTION_"), strings.HasPrefix(name, "GIT_TRACE"):
			continue
		}
		env = append(env, kv)
	}
	config = append(logins(had), config...)
	if had["GIT_ASKPASS"] == "" {
		env = append(env, "GIT_ASKPASS=")
	} else {
		// Newer versions of git count GIT_ASKPASS as a prompt.
		config = append(config, [2]string{"credential.interactive", "true"})
	}
	if had["SSH_ASKPASS_REQUIRE"] == "force" && had["SSH_ASKPASS"] != "" {
		env = append(env, "SSH_ASKPASS="+had["SSH_ASKPASS"], "SSH_ASKPASS_REQUIRE=force")
	} else {
		env = append(env, "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=never")
	}
	env = append(env,
		"LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0",
		"GCM_INTERACTIVE=never",
		"GIT_ALLOW_PROTOCOL="+allowed,
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_CONFIG_COUNT="+strconv.Itoa(len(config)),
	)
	for i, kv := range config {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+kv[0], "GIT_CONFIG_VALUE_"+n+"="+kv[1])
	}
	return env
}

// maxConfig bounds how many entries of GIT_CONFIG_COUNT are read.
const maxConfig = 1000

// logins is the configuration in an environment that says how to log in.
func logins(had map[string]string) (config [][2]string) {
	n, err := strconv.Atoi(had["GIT_CONFIG_COUNT"])
	if err != nil {
		return nil
	}
	for i := range min(max(n, 0), maxConfig) {
		key, value := had["GIT_CONFIG_KEY_"+strconv.Itoa(i)], had["GIT_CONFIG_VALUE_"+strconv.Itoa(i)]
		if slices.ContainsFunc(loginKeys, func(k string) bool { return strings.HasPrefix(strings.ToLower(key), k) }) {
			config = append(config, [2]string{key, value})
		}
	}
	return config
}
