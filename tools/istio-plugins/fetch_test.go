// Package fetch runs Istio's own code, the part of istio-agent that serves a WasmPlugin. That code fetches the filters that
// `stoa filter` packed and pushed. The tests show what Istio accepts, and what it must reject.
//
// The registry is Docker's own (registry_test.go). The filters and the program are the built ones.
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

// A realm of HTTP's Basic authentication that Istio accepts: see TestIstioRefusesARealmThatIsNoURL.
const realm = "https://registry.example/"

// plugin is what `stoa filter push` prints for a WasmPlugin.
type plugin struct{ url, sha256 string }

// stoa runs the built program with these docker credentials, and returns what it printed.
func stoa(t *testing.T, login []byte, arguments ...string) string {
	t.Helper()
	command := program(t, login, arguments)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("stoa %s: %v\n%s", strings.Join(arguments, " "), err, command.Stderr)
	}
	return string(output)
}

// stoaFails runs the built program with these docker credentials, fails the test unless it exits with this code, and
// returns its standard error.
func stoaFails(t *testing.T, code int, login []byte, arguments ...string) string {
	t.Helper()
	command := program(t, login, arguments)
	_ = command.Run()
	if found := command.ProcessState.ExitCode(); found != code {
		t.Fatalf("stoa %s: ended with %d and not %d\n%s", strings.Join(arguments, " "), found, code, command.Stderr)
	}
	return fmt.Sprint(command.Stderr)
}

func program(t *testing.T, login []byte, arguments []string) *exec.Cmd {
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

// built is the path of a filter's .wasm.
func built(t *testing.T, filter string) string {
	t.Helper()
	path := filepath.Join(root, "target/wasm32-wasip1/release", strings.ReplaceAll(filter, "-", "_")+".wasm")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make wasm`", err)
	}
	return path
}

// push packs a filter and pushes it as registry/shop/filter:version.
func push(t *testing.T, registry, filter, version string, login []byte) plugin {
	t.Helper()
	folder := t.TempDir()
	stoa(t, nil, "filter", "pack", built(t, filter), "--version", version, "--out", folder)
	printed := stoa(t, login, "filter", "push", folder, registry+"/shop/"+filter+":"+version)
	lines := strings.Split(printed, "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("not two lines: %q", printed)
	}
	url, isURL := strings.CutPrefix(lines[0], "url: ")
	sha256, isSHA256 := strings.CutPrefix(lines[1], "sha256: ")
	if !isURL || !isSHA256 {
		t.Fatalf("not a url and a sha256: %q", printed)
	}
	return plugin{url, sha256}
}

// fetch does what istio-agent does for a WasmPlugin, with an empty cache, and returns the file that Envoy would get.
func fetch(t *testing.T, of plugin, pullSecret []byte) (string, error) {
	t.Helper()
	// Without a pull secret Istio reads credentials from here.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	t.Cleanup(cache.Cleanup)
	return cache.Get(of.url, wasm.GetOptions{
		Checksum:       of.sha256,
		ResourceName:   "shop.filter",
		RequestTimeout: 30 * time.Second,
		PullSecret:     pullSecret,
	})
}

// fetched fails the test unless Istio gets exactly the built filter.
func fetched(t *testing.T, filter string, of plugin, pullSecret []byte) {
	t.Helper()
	path, err := fetch(t, of, pullSecret)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, path), read(t, built(t, filter))) {
		t.Fatalf("%s is not %s as it was built", path, filter)
	}
}

// refused fails the test unless Istio rejects the filter with an error that contains these words.
func refused(t *testing.T, of plugin, pullSecret []byte, words string) {
	t.Helper()
	path, err := fetch(t, of, pullSecret)
	if err == nil {
		t.Fatalf("fetched %s", path)
	}
	if !strings.Contains(err.Error(), words) {
		t.Fatalf("no %q in: %v", words, err)
	}
}

func TestIstioFetchesEachFilterAsItWasBuilt(t *testing.T) {
	registry := startRegistry(t, "")
	for _, filter := range []string{"payment-fault", "canary-router"} {
		t.Run(filter, func(t *testing.T) {
			pushed := push(t, registry, filter, "0.1.0", nil)
			fetched(t, filter, pushed, nil)
			// A WasmPlugin may omit the sha256, or have it in the url.
			fetched(t, filter, plugin{url: pushed.url}, nil)
			byDigest := strings.TrimSuffix(pushed.url, ":0.1.0") + "@sha256:" + pushed.sha256
			fetched(t, filter, plugin{url: byDigest}, nil)
		})
	}
}

func TestIstioFindsTheDigestThatWasPrinted(t *testing.T) {
	pushed := push(t, startRegistry(t, ""), "payment-fault", "0.1.0", nil)
	fetcher := wasm.NewImageFetcher(context.Background(), wasm.ImageFetcherOption{})
	binary, digest, err := fetcher.PrepareFetch(strings.TrimPrefix(pushed.url, "oci://"))
	if err != nil {
		t.Fatal(err)
	}
	if digest != pushed.sha256 {
		t.Fatalf("printed %s, found %s", pushed.sha256, digest)
	}
	module, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(module, read(t, built(t, "payment-fault"))) {
		t.Fatal("not the filter as it was built")
	}
}

func TestAFilterPushedInOneStepIsTheSameImage(t *testing.T) {
	registry := startRegistry(t, "")
	packed := push(t, registry, "canary-router", "0.1.0", nil)
	to := registry + "/other/canary-router:0.1.0"
	printed := stoa(t, nil, "filter", "push", built(t, "canary-router"), to, "--version", "0.1.0")
	if want := "url: oci://" + to + "\nsha256: " + packed.sha256 + "\n"; printed != want {
		t.Fatalf("printed %q, and not %q", printed, want)
	}
}

func TestIstioFetchesWithThePullSecretAndNotWithout(t *testing.T) {
	registry := startRegistry(t, realm)
	ada := login(t, registry, "ada", "s3cret")
	pushed := push(t, registry, "payment-fault", "0.1.0", ada)
	fetched(t, "payment-fault", pushed, ada)
	refused(t, pushed, nil, "UNAUTHORIZED")
	refused(t, pushed, login(t, registry, "ada", "guessed"), "UNAUTHORIZED")
	refused(t, pushed, login(t, "elsewhere.example", "ada", "s3cret"), "UNAUTHORIZED")
}

func TestWhoeverTheRegistryDoesNotKnowIsToldWhereHisCredentialsCameFrom(t *testing.T) {
	registry := startRegistry(t, realm)
	to := registry + "/shop/payment-fault:0.1.0"
	for _, login := range [][]byte{nil, login(t, registry, "ada", "guessed")} {
		const notPermitted = 77
		said := stoaFails(t, notPermitted, login, "filter", "push", built(t, "payment-fault"), to)
		if !strings.Contains(said, registry) || !strings.Contains(said, "/config.json") || strings.Contains(said, "guessed") {
			t.Errorf("said: %s", said)
		}
	}
	// The output of a program docker-credential-… counts too.
	helper := t.TempDir()
	script := "#!/bin/sh\ngrep -q " + registry + " && echo '{\"Username\":\"ada\",\"Secret\":\"s3cret\"}'\n"
	if err := os.WriteFile(filepath.Join(helper, "docker-credential-test"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", helper+":"+os.Getenv("PATH"))
	for _, config := range []string{`{"credsStore":"test"}`, `{"credHelpers":{"` + registry + `":"test"}}`} {
		stoa(t, []byte(config), "filter", "push", built(t, "payment-fault"), to)
	}
}

// Istio treats the realm as the address of a token service, whatever the authentication scheme, and rejects addresses
// of this machine or a private network. So a registry with htpasswd needs a realm that looks like a URL.
func TestIstioRefusesARealmThatIsNoURL(t *testing.T) {
	registry := startRegistry(t, "basic-realm")
	ada := login(t, registry, "ada", "s3cret")
	refused(t, push(t, registry, "payment-fault", "0.1.0", ada), ada, "rejected unsafe bearer realm")
}

func TestIstioRefusesAnotherDigest(t *testing.T) {
	pushed := push(t, startRegistry(t, ""), "payment-fault", "0.1.0", nil)
	hash, err := hex.DecodeString(pushed.sha256)
	if err != nil {
		t.Fatal(err)
	}
	hash[0] ^= 1
	refused(t, plugin{pushed.url, hex.EncodeToString(hash)}, nil, "does not match")
}

func TestATagThatWasMovedIsRefusedByWhoeverPinnedIt(t *testing.T) {
	registry := startRegistry(t, "")
	pinned := push(t, registry, "payment-fault", "0.1.0", nil)
	to := strings.TrimPrefix(pinned.url, "oci://")
	stoa(t, nil, "filter", "push", built(t, "canary-router"), to, "--version", "0.1.0")
	refused(t, pinned, nil, "does not match")
	byDigest := strings.TrimSuffix(pinned.url, ":0.1.0") + "@sha256:" + pinned.sha256
	fetched(t, "payment-fault", plugin{url: byDigest}, nil)
}

func TestIstioRefusesWhatIsNotThere(t *testing.T) {
	registry := startRegistry(t, "")
	pushed := push(t, registry, "payment-fault", "0.1.0", nil)
	tag := plugin{strings.TrimSuffix(pushed.url, "0.1.0") + "9.9.9", pushed.sha256}
	refused(t, tag, nil, "MANIFEST_UNKNOWN")
	refused(t, plugin{"oci://" + registry + "/shop/nothing:0.1.0", pushed.sha256}, nil, "_UNKNOWN")
}
