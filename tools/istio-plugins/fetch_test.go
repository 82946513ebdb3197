// Package fetch runs the part of istio-agent that fetches the filter of a WasmPlugin. It fetches filters that `stoa filter` has
// packed and pushed. The tests show which images and credentials Istio accepts, and which it must reject.
//
// The tests run Docker's registry (registry_test.go), and use the filters and the program `stoa` in target/.
package fetch

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"istio.io/istio/pkg/wasm"
)

// A realm (a parameter of HTTP Basic authentication) that Istio accepts. TestIstioRejectsARealmThatIsNotAURL uses a realm that
// Istio rejects.
const realm = "https://registry.example/"

// plugin holds the two fields of a WasmPlugin that `stoa filter push` prints.
type plugin struct{ url, sha256 string }

// stoa runs the program stoa with the docker credentials in the parameter `login`, and returns the program's standard output.
func stoa(t *testing.T, login []byte, arguments ...string) string {
	t.Helper()
	command := stoaCommand(t, login, arguments)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("stoa %s: %v\n%s", strings.Join(arguments, " "), err, command.Stderr)
	}
	return string(output)
}

// stoaFails runs the program stoa with the docker credentials in the parameter `login`, and returns the program's standard error.
// It fails the test unless the program's exit code is `code`.
func stoaFails(t *testing.T, code int, login []byte, arguments ...string) string {
	t.Helper()
	command := stoaCommand(t, login, arguments)
	_ = command.Run()
	if found := command.ProcessState.ExitCode(); found != code {
		t.Fatalf("stoa %s: exit code %d, expected %d\n%s", strings.Join(arguments, " "), found, code, command.Stderr)
	}
	return fmt.Sprint(command.Stderr)
}

func stoaCommand(t *testing.T, login []byte, arguments []string) *exec.Cmd {
	t.Helper()
	program := os.Getenv("STOA_PROGRAM")
	if program == "" {
		program = filepath.Join(root, "target/native/stoa")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: run `make build`", err)
	}
	config := t.TempDir()
	if login != nil {
		write(t, filepath.Join(config, "config.json"), login)
	}
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), "DOCKER_CONFIG="+config)
	command.Stderr = new(bytes.Buffer)
	return command
}

// builtFilter returns the path of a filter's .wasm file.
func builtFilter(t *testing.T, filter string) string {
	t.Helper()
	path := filepath.Join(root, "target/wasm32-wasip1/release", strings.ReplaceAll(filter, "-", "_")+".wasm")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make wasm`", err)
	}
	return path
}

// push packs a filter, and pushes the image as REGISTRY/shop/FILTER:VERSION.
func push(t *testing.T, registry, filter, version string, login []byte) plugin {
	t.Helper()
	folder := t.TempDir()
	stoa(t, nil, "filter", "pack", builtFilter(t, filter), "--version", version, "--out", folder)
	printed := stoa(t, login, "filter", "push", folder, registry+"/shop/"+filter+":"+version)
	lines := strings.Split(printed, "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("stoa filter push must print two lines, but printed %q", printed)
	}
	url, isURL := strings.CutPrefix(lines[0], "url: ")
	sha256, isSHA256 := strings.CutPrefix(lines[1], "sha256: ")
	if !isURL || !isSHA256 {
		t.Fatalf("stoa filter push must print a url and a sha256, but printed %q", printed)
	}
	return plugin{url, sha256}
}

// fetch does what istio-agent does for a WasmPlugin if the agent's cache is empty. It returns the path of the file that Envoy would
// get.
func fetch(t *testing.T, image plugin, pullSecret []byte) (string, error) {
	t.Helper()
	// If there is no pull secret, Istio reads credentials from the folder that DOCKER_CONFIG names. In the tests, this folder is
	// empty.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	t.Cleanup(cache.Cleanup)
	return cache.Get(image.url, wasm.GetOptions{
		Checksum:       image.sha256,
		ResourceName:   "shop.filter",
		RequestTimeout: 30 * time.Second,
		PullSecret:     pullSecret,
	})
}

// expectFetched fails the test unless the bytes that Istio fetches are those of the built filter.
func expectFetched(t *testing.T, filter string, image plugin, pullSecret []byte) {
	t.Helper()
	path, err := fetch(t, image, pullSecret)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, path), read(t, builtFilter(t, filter))) {
		t.Fatalf("%s differs from the built filter %s", path, filter)
	}
}

// expectRejected fails the test unless Istio rejects the image with an error that contains these words.
func expectRejected(t *testing.T, image plugin, pullSecret []byte, words string) {
	t.Helper()
	path, err := fetch(t, image, pullSecret)
	if err == nil {
		t.Fatalf("Istio must reject the image, but fetched %s", path)
	}
	if !strings.Contains(err.Error(), words) {
		t.Fatalf("the error of Istio does not contain %q: %v", words, err)
	}
}

func TestIstioFetchesEachFilterUnchanged(t *testing.T) {
	registry := startRegistry(t, "")
	for _, filter := range []string{"payment-fault", "canary-router"} {
		t.Run(filter, func(t *testing.T) {
			pushed := push(t, registry, filter, "0.1.0", nil)
			expectFetched(t, filter, pushed, nil)
			// Istio also fetches the filter if the WasmPlugin has no sha256, or has the digest in its url.
			expectFetched(t, filter, plugin{url: pushed.url}, nil)
			byDigest := strings.TrimSuffix(pushed.url, ":0.1.0") + "@sha256:" + pushed.sha256
			expectFetched(t, filter, plugin{url: byDigest}, nil)
		})
	}
}

func TestIstioComputesTheDigestThatStoaPrinted(t *testing.T) {
	pushed := push(t, startRegistry(t, ""), "payment-fault", "0.1.0", nil)
	fetcher := wasm.NewImageFetcher(context.Background(), wasm.ImageFetcherOption{})
	binary, digest, err := fetcher.PrepareFetch(strings.TrimPrefix(pushed.url, "oci://"))
	if err != nil {
		t.Fatal(err)
	}
	if digest != pushed.sha256 {
		t.Fatalf("stoa printed the digest %s, but Istio computed the digest %s", pushed.sha256, digest)
	}
	module, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(module, read(t, builtFilter(t, "payment-fault"))) {
		t.Fatal("the module that Istio fetched differs from the built filter")
	}
}

func TestAFilterPushedInOneStepIsTheSameImage(t *testing.T) {
	registry := startRegistry(t, "")
	packed := push(t, registry, "canary-router", "0.1.0", nil)
	to := registry + "/other/canary-router:0.1.0"
	printed := stoa(t, nil, "filter", "push", builtFilter(t, "canary-router"), to, "--version", "0.1.0")
	if want := "url: oci://" + to + "\nsha256: " + packed.sha256 + "\n"; printed != want {
		t.Fatalf("printed %q, expected %q", printed, want)
	}
}

func TestIstioNeedsTheRightPullSecretToFetch(t *testing.T) {
	registry := startRegistry(t, realm)
	ada := login(t, registry, "ada", "s3cret")
	pushed := push(t, registry, "payment-fault", "0.1.0", ada)
	expectFetched(t, "payment-fault", pushed, ada)
	expectRejected(t, pushed, nil, "UNAUTHORIZED")
	expectRejected(t, pushed, login(t, registry, "ada", "guessed"), "UNAUTHORIZED")
	expectRejected(t, pushed, login(t, "elsewhere.example", "ada", "s3cret"), "UNAUTHORIZED")
}

func TestARejectedPushNamesTheRegistryAndTheFileOfTheCredentials(t *testing.T) {
	registry := startRegistry(t, realm)
	to := registry + "/shop/payment-fault:0.1.0"
	for _, login := range [][]byte{nil, login(t, registry, "ada", "guessed")} {
		const notPermitted = 77
		message := stoaFails(t, notPermitted, login, "filter", "push", builtFilter(t, "payment-fault"), to)
		if !strings.Contains(message, registry) || !strings.Contains(message, "/config.json") || strings.Contains(message, "guessed") {
			t.Errorf("the message must contain the registry and config.json, but not the password: %s", message)
		}
	}
	// stoa also uses credentials that a helper program (docker-credential-NAME) prints.
	helper := t.TempDir()
	script := "#!/bin/sh\ngrep -q " + registry + " && echo '{\"Username\":\"ada\",\"Secret\":\"s3cret\"}'\n"
	if err := os.WriteFile(filepath.Join(helper, "docker-credential-test"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", helper+":"+os.Getenv("PATH"))
	for _, config := range []string{`{"credsStore":"test"}`, `{"credHelpers":{"` + registry + `":"test"}}`} {
		stoa(t, []byte(config), "filter", "push", builtFilter(t, "payment-fault"), to)
	}
}

// Istio treats the realm as the address of a token service, even if the registry uses Basic authentication. Istio rejects addresses
// of this machine or of a private network. So a registry that uses htpasswd needs a realm that looks like a public URL.
func TestIstioRejectsARealmThatIsNotAURL(t *testing.T) {
	registry := startRegistry(t, "basic-realm")
	ada := login(t, registry, "ada", "s3cret")
	expectRejected(t, push(t, registry, "payment-fault", "0.1.0", ada), ada, "rejected unsafe bearer realm")
}

func TestIstioRejectsAnotherDigest(t *testing.T) {
	pushed := push(t, startRegistry(t, ""), "payment-fault", "0.1.0", nil)
	hash, err := hex.DecodeString(pushed.sha256)
	if err != nil {
		t.Fatal(err)
	}
	hash[0] ^= 1
	expectRejected(t, plugin{pushed.url, hex.EncodeToString(hash)}, nil, "does not match")
}

func TestIstioRejectsAMovedTagIfTheDigestIsPinned(t *testing.T) {
	registry := startRegistry(t, "")
	pinned := push(t, registry, "payment-fault", "0.1.0", nil)
	to := strings.TrimPrefix(pinned.url, "oci://")
	stoa(t, nil, "filter", "push", builtFilter(t, "canary-router"), to, "--version", "0.1.0")
	expectRejected(t, pinned, nil, "does not match")
	byDigest := strings.TrimSuffix(pinned.url, ":0.1.0") + "@sha256:" + pinned.sha256
	expectFetched(t, "payment-fault", plugin{url: byDigest}, nil)
}

func TestIstioRejectsAMissingTagAndAMissingRepository(t *testing.T) {
	registry := startRegistry(t, "")
	pushed := push(t, registry, "payment-fault", "0.1.0", nil)
	tag := plugin{strings.TrimSuffix(pushed.url, "0.1.0") + "9.9.9", pushed.sha256}
	expectRejected(t, tag, nil, "MANIFEST_UNKNOWN")
	expectRejected(t, plugin{"oci://" + registry + "/shop/nothing:0.1.0", pushed.sha256}, nil, "_UNKNOWN")
}
