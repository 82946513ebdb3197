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
		"two workloads": {two},
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
				t.Errorf("%d files, then %d", len(first), len(second))
			}
		})
	}
}

// Istio iterates over maps, so one repetition would often find nothing.
const repetitions = 8

func TestNothingFollowsFromChance(t *testing.T) {
	runs := make([]map[string]string, repetitions)
	t.Run("runs", func(t *testing.T) {
		for i := range runs {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "out")
				// The manifests define one host twice, on purpose.
				run := start(t, "", "testdata/many.yaml", "--out", out, "--warnings-ok", "--allow", "IST0109", "--allow", "IST0112")
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

func TestRangesOfAServiceEntryAreInOrder(t *testing.T) {
	out := compile(t, file(t, "ssh.yaml", `apiVersion: v1
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
	equal(t, "filter chains", found, "192.0.2.0", "198.51.100.0", "203.0.113.0")
}

func TestAnAddressOfSeveralHostsIsTheFirstOnes(t *testing.T) {
	for range repetitions {
		out := compile(t, file(t, "shared.yaml", `apiVersion: v1
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
			domains[nameOf(host.(map[string]any))] = text(t, host.(map[string]any)["domains"])
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

func TestAWorkloadMoreLeavesTheOthersWhereTheyAre(t *testing.T) {
	more := file(t, "more.yaml", `apiVersion: v1
kind: Namespace
metadata: {name: aside, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: a-more, namespace: aside, labels: {app: more}}
spec: {containers: [{name: more, image: more}]}
`)
	before, after := compile(t, two), compile(t, more, two)
	addresses := map[string]string{}
	for _, one := range after.inventory(t).Workloads {
		addresses[one.Pod] = one.IP
	}
	for _, one := range before.inventory(t).Workloads {
		if addresses[one.Pod] != one.IP {
			t.Errorf("%s was at %s and is at %s", one.Pod, one.IP, addresses[one.Pod])
		}
	}
	was, is := before.files(t), after.files(t)
	for path, text := range was {
		if path != inventoryFile && is[path] != text {
			t.Errorf("%s changed", path)
		}
	}
	if len(is) != len(was)+5 {
		t.Errorf("%d files became %d", len(was), len(is))
	}
}

func TestOutIsReplacedAsAWhole(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "compiled")
	if run := start(t, "", two, "--out", out); run.code != 0 {
		t.Fatal(run.stderr)
	}
	stale := filepath.Join(out, "demo", "gone-0")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if run := start(t, "", two, "--out", filepath.Join(folder, "link")); run.code != 0 {
		t.Fatal(run.stderr)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("a folder of a Pod that is gone is still there")
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
		t.Errorf("left behind: %q", names)
	}
	if kind, err := os.Lstat(filepath.Join(folder, "link")); err != nil || kind.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is not a link any more: %v", err)
	}
}

func TestOutOfSomeoneElseIsLeftAlone(t *testing.T) {
	for name, content := range map[string]map[string]string{
		"other files":                 {"notes.txt": "mine"},
		"someone's workloads.json":    {"workloads.json": `{"workloads": []}`},
		"a workloads.json of no JSON": {"workloads.json": "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			for path, text := range content {
				if err := os.WriteFile(filepath.Join(out, path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if run := start(t, "", two, "--out", out); run.code != 64 || !strings.Contains(run.stderr, "something else is in it") {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
			if left := compiled(out).files(t); !maps.Equal(left, content) {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func TestWhatCannotBeWrittenEndsWith73(t *testing.T) {
	in := file(t, "file", "")
	if run := start(t, "", two, "--objects", filepath.Join(in, "objects.yaml")); run.code != 73 {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}

func TestObjectsAreAllThatTheClusterWouldHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.yaml")
	if run := start(t, "", two, "--objects", path); run.code != 0 {
		t.Fatal(run.stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	found, wrong := documents(text)
	if wrong != nil {
		t.Fatalf("line %d: %s", wrong.line, wrong.text)
	}
	for _, one := range found {
		kinds[one.kind]++
	}
	if want := map[string]int{"Namespace": 1, "Service": 1, "EndpointSlice": 1, "Pod": 3}; !maps.Equal(kinds, want) {
		t.Errorf("%v, not %v", kinds, want)
	}
}
