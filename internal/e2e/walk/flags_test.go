// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file registers the plugin with flags that it cannot use.

// TestWrongFlagsAreToldWhereVaultShowsThem: Vault registers a plugin that does not start without a word, and shows the
// first line of a plugin's standard output when it is to be mounted.
func TestWrongFlagsAreToldWhereVaultShowsThem(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	for name, c := range map[string]struct{ flag, want string }{
		"words":    {"-args=-wal-min-age=banana", `invalid value "banana" for flag -wal-min-age`},
		"negative": {"-args=-sweep-grace=-1m", "-sweep-grace must be positive, such as 5m"},
		"unknown":  {"-args=-colour=red", "flag provided but not defined: -colour"},
		"no-dash":  {"-args=wal-min-age=1m", `"wal-min-age=1m" is not a flag`},
	} {
		v.Register(name, c.flag)
		refused := v.Call(http.MethodPost, "sys/mounts/"+name, map[string]any{"type": name}, http.StatusBadRequest)
		_, told, _ := strings.Cut(refused.Text, "Unrecognized remote plugin message: ")
		if !strings.HasPrefix(told, "the plugin's flags (-args at vault plugin register) cannot be used: ") || !strings.Contains(strings.ReplaceAll(told, `\"`, `"`), c.want) {
			t.Errorf("%s: Vault answers %s", c.flag, refused.Text)
		}
		log, err := os.ReadFile(v.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ReplaceAll(string(log), `\"`, `"`), "cannot be used: "+c.want) {
			t.Errorf("%s: Vault's log does not tell it", c.flag)
		}
	}
}
