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

// findTools finds istioctl, and builds istio-compile. If istioctl is missing, findTools returns an error and does not build
// istioctl, because the build takes minutes.
var findTools = sync.OnceValues(func() (tools, error) {
	location := run(filepath.Join(root, "scripts/istio-tools"))
	if location.code != 0 {
		return tools{}, errors.New(location.stderr)
	}
	istioctl := strings.TrimSpace(location.stdout)
	// istio-compile is always built, so that it is up to date. If nothing has changed, the build takes little time.
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
	found, err := findTools()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// result holds the exit code and the output of one run of a program.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr) }

// run runs a program in the folder of this package.
func run(program string, arguments ...string) result {
	var stdout, stderr bytes.Buffer
	command := exec.Command(program, arguments...)
	// With an empty KUBECONFIG, the tools cannot query a cluster that the user has configured for kubectl.
	command.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull)
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		return result{-1, "", err.Error()}
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
