package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// If this environment variable is set, the test program runs as istio-compile.
const asProgram = "ISTIO_COMPILE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// result holds the exit code and the output of one run of istio-compile.
type result struct {
	code           int
	stdout, stderr string
}

// runProgram runs istio-compile as a user would, with the text `input` on its standard input.
func runProgram(t *testing.T, input string, arguments ...string) result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, arguments...)
	// istio-compile needs PILOT_ENABLE_ALPN_FILTER=false, so it must restart itself with this value.
	command.Env = append(os.Environ(), asProgram+"=1", "PILOT_ENABLE_ALPN_FILTER=true")
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// moduleFolder returns the folder of a Go module. The module's version is the version in go.mod.
func moduleFolder(t *testing.T, path string) string {
	t.Helper()
	found, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(found))
}

var cronJobNote = regexp.MustCompile(`(?m)^note: .* CronJob .*: the Pods of this kind are left out\n`)

// compiled is the path of a folder that istio-compile wrote.
type compiled string

// compile runs istio-compile, and fails the test unless it succeeds and prints nothing, except that it leaves out CronJobs.
func compile(t *testing.T, arguments ...string) compiled {
	t.Helper()
	out := filepath.Join(t.TempDir(), "compiled")
	run := runProgram(t, "", append([]string{"--out", out}, arguments...)...)
	notes := cronJobNote.ReplaceAllString(run.stderr, "")
	if run.code != 0 || run.stdout+notes != "" {
		t.Fatalf("%q: exit %d\n%s%s", arguments, run.code, run.stdout, run.stderr)
	}
	return compiled(out)
}

func (c compiled) inventory(t *testing.T) inventory {
	t.Helper()
	var found inventory
	readJSON(t, filepath.Join(string(c), "workloads.json"), &found)
	return found
}

// workload returns the workload with this name. The name has the form NAMESPACE/POD.
func (c compiled) workload(t *testing.T, name string) workload {
	t.Helper()
	for _, one := range c.inventory(t).Workloads {
		if one.Namespace+"/"+one.Pod == name {
			return one
		}
	}
	t.Fatalf("there is no Pod %s", name)
	return workload{}
}

// resource returns the resource with this name in a proxy's file, such as demo/web-0/clusters.json.
func (c compiled) resource(t *testing.T, file, name string) map[string]any {
	t.Helper()
	var found response
	readJSON(t, filepath.Join(string(c), file), &found)
	var names []string
	for _, one := range found.Resources {
		if nameOf(one) == name {
			return one
		}
		names = append(names, nameOf(one))
	}
	t.Fatalf("%s: expected the resource %s, found only %q", file, name, names)
	return nil
}

// files returns a map from the path of each file in the folder to the file's content.
func (c compiled) files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(string(c), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		short, _ := filepath.Rel(string(c), path)
		found[short] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// tempFile writes a file to a temporary folder of the test, and returns the file's path.
func tempFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// toJSON returns a value as JSON, so that a test can search in the text.
func toJSON(t *testing.T, value any) string {
	t.Helper()
	made, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}
