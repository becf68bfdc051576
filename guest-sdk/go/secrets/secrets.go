// Package secrets has what stands for secrets, which a handler uses and never sees: grants = { secrets = ["API_KEY"] }.
//
// The host puts the value in the placeholder's place in the headers of a request, toward the hosts the secret is granted
// for. A request that has the placeholder anywhere else is refused.
package secrets

import (
	"stepcell"
	"stepcell/internal/host"
)

// Names are those the step was granted.
func Names() []string {
	list, count := host.SecretNames()
	names := make([]string, count)
	for n := range names {
		names[n] = list.Text(uint32(8 * n))
	}
	return names
}

// Placeholder is what stands for a secret in the headers of this attempt's requests.
func Placeholder(name string) (string, error) {
	answer := host.Placeholder(name)
	if answer.U8(0) != 0 {
		return "", stepcell.Configuration("%s", answer.Text(8))
	}
	return answer.Text(4), nil
}
