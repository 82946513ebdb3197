package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The tools that judge. A missing istioctl is not built here, because a test would wait for minutes.
var fetched = sync.OnceValues(func() (tools, error) {
	said := run(filepath.Join(root, "scripts/istio-tools"))
	if said.code != 0 {
		return tools{}, errors.New(said.stderr)
	}
	istioctl := strings.TrimSpace(said.stdout)
	// The build is quick if nothing changed, and the result is never stale.
	compile, err := filepath.Abs(filepath.Join(root, "target/tools/istio-compile"))
	if err != nil {
		return tools{}, err
	}
	if built := run("go", "build", "-o", compile, "../istio-compile"); built.code != 0 {
		return tools{}, errors.New(built.stderr)
	}
	return tools{compile, istioctl}, nil
})

type tools struct{ compile, istioctl string }

func toolsOf(t *testing.T) tools {
	t.Helper()
	found, err := fetched()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// result is the outcome of one run of a program.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr) }

// run runs a program in this folder.
func run(program string, arguments ...string) result {
	var stdout, stderr bytes.Buffer
	command := exec.Command(program, arguments...)
	// A cluster of the user must not be queried.
	command.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull)
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		return result{-1, "", err.Error()}
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
