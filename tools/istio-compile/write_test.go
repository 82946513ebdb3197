package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTwoRunsGiveTheSameBytes(t *testing.T) {
	for name, arguments := range map[string][]string{
		"two workloads": {twoWorkloads},
		"the shop":      {"--mesh-config", "../../istio/install/istio.yaml", shop},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := compile(t, arguments...).files(t), compile(t, arguments...).files(t)
			if len(first) < 11 {
				t.Fatalf("only %d files", len(first))
			}
			for path := range first {
				if first[path] != second[path] {
					t.Errorf("%s differs", path)
				}
			}
			if len(first) != len(second) {
				t.Errorf("the first run wrote %d files, the second run wrote %d", len(first), len(second))
			}
		})
	}
}

// The number of runs that a test compares. Two runs are too few: Istio iterates over maps in random order, so the outputs of two
// runs may be the same by chance.
const repetitions = 8

func TestTheOutputDoesNotDependOnTheIterationOfMaps(t *testing.T) {
	runs := make([]map[string]string, repetitions)
	t.Run("runs", func(t *testing.T) {
		for i := range runs {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "out")
				// The manifests define the same host twice on purpose. The flags tolerate Istio's messages about this.
				run := runProgram(t, "", "testdata/many.yaml", "--out", out, "--warnings-ok", "--allow", "IST0109", "--allow", "IST0112")
				if run.code != 0 {
					t.Fatalf("exit %d\n%s", run.code, run.stderr)
				}
				runs[i] = compiled(out).files(t)
				runs[i]["stderr"] = run.stderr
			})
		}
	})
	if len(runs[0]) < 30 {
		t.Fatalf("only %d files", len(runs[0]))
	}
	for i, run := range runs[1:] {
		for path, text := range runs[0] {
			if run[path] != text {
				t.Errorf("run %d: %s differs", i+1, path)
			}
		}
	}
}

func TestTheRangesOfAServiceEntryAreSorted(t *testing.T) {
	out := compile(t, tempFile(t, "ssh.yaml", `apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: demo, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ssh, namespace: demo}
spec:
  hosts: [ssh.example.com]
  addresses: [203.0.113.0/24, 192.0.2.0/25, 198.51.100.0/24]
  ports: [{number: 22, name: tcp, protocol: TCP}]
  location: MESH_EXTERNAL
  resolution: NONE
`))
	var found []string
	for _, chain := range out.resource(t, "demo/web/listeners.json", "0.0.0.0_22")["filter_chains"].([]any) {
		found = append(found, find(chain, "address_prefix").(string))
	}
	expectEqual(t, "filter chains", found, "192.0.2.0", "198.51.100.0", "203.0.113.0")
}

func TestASharedAddressBelongsToTheFirstHostByName(t *testing.T) {
	for range repetitions {
		out := compile(t, tempFile(t, "shared.yaml", `apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: demo, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shared, namespace: demo}
spec:
  hosts: [b.example.com, a.example.com, c.example.com]
  addresses: [240.1.0.1]
  ports: [{number: 8081, name: http, protocol: HTTP}]
  resolution: DNS
`))
		domains := map[string]string{}
		for _, host := range out.resource(t, "demo/web/routes.json", "8081")["virtual_hosts"].([]any) {
			domains[nameOf(host.(map[string]any))] = toJSON(t, host.(map[string]any)["domains"])
		}
		want := map[string]string{
			"a.example.com:8081": `["a.example.com","a.example.com.","240.1.0.1"]`,
			"b.example.com:8081": `["b.example.com","b.example.com."]`,
			"c.example.com:8081": `["c.example.com","c.example.com."]`,
			"allow_any":          `["*"]`,
		}
		if !maps.Equal(domains, want) {
			t.Fatalf("%v", domains)
		}
	}
}

func TestAnAddedWorkloadDoesNotChangeTheOtherWorkloads(t *testing.T) {
	more := tempFile(t, "more.yaml", `apiVersion: v1
kind: Namespace
metadata: {name: aside, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: a-more, namespace: aside, labels: {app: more}}
spec: {containers: [{name: more, image: more}]}
`)
	before, after := compile(t, twoWorkloads), compile(t, more, twoWorkloads)
	addresses := map[string]string{}
	for _, one := range after.inventory(t).Workloads {
		addresses[one.Pod] = one.IP
	}
	for _, one := range before.inventory(t).Workloads {
		if addresses[one.Pod] != one.IP {
			t.Errorf("the address of Pod %s changed from %s to %s", one.Pod, one.IP, addresses[one.Pod])
		}
	}
	filesBefore, filesAfter := before.files(t), after.files(t)
	for path, text := range filesBefore {
		if path != inventoryFile && filesAfter[path] != text {
			t.Errorf("%s changed", path)
		}
	}
	if len(filesAfter) != len(filesBefore)+5 {
		t.Errorf("the first run wrote %d files, the run with the added workload wrote %d; expected 5 more", len(filesBefore), len(filesAfter))
	}
}

func TestTheOutputFolderIsReplacedAsAWhole(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "compiled")
	if run := runProgram(t, "", twoWorkloads, "--out", out); run.code != 0 {
		t.Fatal(run.stderr)
	}
	stale := filepath.Join(out, "demo", "gone-0")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if run := runProgram(t, "", twoWorkloads, "--out", filepath.Join(folder, "link")); run.code != 0 {
		t.Fatal(run.stderr)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the output still contains the folder of a Pod that no longer exists")
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, []string{"compiled", "link"}) {
		t.Errorf("the folder contains %q, expected only \"compiled\" and \"link\"", names)
	}
	if kind, err := os.Lstat(filepath.Join(folder, "link")); err != nil || kind.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the path \"link\" is no longer a symbolic link: %v", err)
	}
}

func TestAFolderWithOtherFilesIsRejectedAndUnchanged(t *testing.T) {
	for name, content := range map[string]map[string]string{
		"other files":                       {"notes.txt": "mine"},
		"another program's workloads.json":  {"workloads.json": `{"workloads": []}`},
		"a workloads.json that is not JSON": {"workloads.json": "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			for path, text := range content {
				if err := os.WriteFile(filepath.Join(out, path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if run := runProgram(t, "", twoWorkloads, "--out", out); run.code != 64 || !strings.Contains(run.stderr, "contains other files") {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
			if remaining := compiled(out).files(t); !maps.Equal(remaining, content) {
				t.Errorf("istio-compile changed the folder: %q", remaining)
			}
		})
	}
}

func TestAFailedWriteExitsWith73(t *testing.T) {
	in := tempFile(t, "file", "")
	if run := runProgram(t, "", twoWorkloads, "--objects", filepath.Join(in, "objects.yaml")); run.code != 73 {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestTheObjectsFileHasAllObjectsOfTheCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.yaml")
	if run := runProgram(t, "", twoWorkloads, "--objects", path); run.code != 0 {
		t.Fatal(run.stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	found, syntax := documents(text)
	if syntax != nil {
		t.Fatalf("line %d: %s", syntax.line, syntax.text)
	}
	for _, one := range found {
		kinds[one.kind]++
	}
	if want := map[string]int{"Namespace": 1, "Service": 1, "EndpointSlice": 1, "Pod": 3}; !maps.Equal(kinds, want) {
		t.Errorf("%v, not %v", kinds, want)
	}
}
