package fetch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The root folder of the repository, relative to this package.
const root = "../.."

// The user "ada" with the password "s3cret", as htpasswd writes it.
const users = "ada:$2y$04$nHlbmvBtHr4kEJ4I1bFw7OlAP26UQjrq1q5x4X/FjyYLO6qaTGrL2\n"

// startRegistry runs Docker's registry on a free port, and returns the registry's address. The registry stores its data in a
// temporary folder. If the parameter `realm` is not empty, the registry requires authentication, and its only user is ada.
func startRegistry(t *testing.T, realm string) string {
	t.Helper()
	finder := exec.Command(filepath.Join(root, "crates/stoa-filter-image/tests/docker-registry"))
	finder.Stderr = os.Stderr
	program, err := finder.Output()
	if err != nil {
		t.Fatalf("cannot find docker-registry: %v", err)
	}

	folder := t.TempDir()
	config := "version: 0.1\nstorage: {filesystem: {rootdirectory: data}}\nhttp: {addr: '127.0.0.1:0'}\n"
	if realm != "" {
		config += fmt.Sprintf("auth: {htpasswd: {realm: %q, path: users}}\n", realm)
	}
	write(t, filepath.Join(folder, "config.yml"), []byte(config))
	write(t, filepath.Join(folder, "users"), []byte(users))
	registry := exec.Command(strings.TrimSpace(string(program)), "serve", "config.yml")
	registry.Dir = folder
	log, err := registry.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = registry.Process.Kill()
		<-drained
		_ = registry.Wait()
	})

	// The registry logs a line that contains its address, and then more lines. All lines must be read: if the pipe becomes full,
	// the registry blocks.
	address := make(chan string, 1)
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if _, rest, found := strings.Cut(lines.Text(), "listening on "); found {
				address <- strings.FieldsFunc(rest, func(r rune) bool { return r == '"' || r == ' ' })[0]
			}
		}
	}()
	select {
	case found := <-address:
		return found
	case <-time.After(20 * time.Second):
		t.Fatal("docker-registry did not log its address within 20 s")
		return ""
	}
}

// login returns the credentials of a user as JSON, in the format dockerconfigjson. An imagePullSecret and the file that `docker
// login` writes have this format.
func login(t *testing.T, registry, user, password string) []byte {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"auths": map[string]any{registry: map[string]string{"username": user, "password": password}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
