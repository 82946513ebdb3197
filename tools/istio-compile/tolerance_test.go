package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// For each of these manifests, Istio reports one message. In this order: the warning that every EnvoyFilter gets, two warnings of
// the validation, a warning of the analysis, an error of the analysis, a note of the analysis, and an error of the validation.
const (
	envoyFilterManifest = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: stamp, namespace: demo}
spec:
  workloadSelector: {labels: {app: api}}
  configPatches:
    - applyTo: HTTP_FILTER
      match: {context: SIDECAR_INBOUND}
      patch: {operation: INSERT_FIRST, value: {name: stamp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "x = 1"}}}}
`
	schemaWarning = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: demo}
spec: {selector: {matchLabels: {app: api}}, action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}
`
	ruleWarning = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec: {hosts: [api], http: [{route: [{destination: {host: api}}]}, {match: [{uri: {prefix: /a}}], route: [{destination: {host: api}}]}]}
`
	analysisWarning = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: demo}
spec: {host: api, subsets: [{name: v1, labels: {version: v1}}, {name: v7, labels: {version: v7}}]}
`
	analysisError = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: demo}
spec: {hosts: [other.example.com], http: [{route: [{destination: {host: nowhere}}]}]}
`
	analysisNote = `apiVersion: v1
kind: Service
metadata: {name: other, namespace: demo}
spec: {selector: {app: api}, ports: [{name: x, port: 90, targetPort: web}]}
`
	validationError = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: none, namespace: demo}
spec: {hosts: [none.example.com], http: [{route: [{destination: {host: api}, weight: 0}, {destination: {host: api}, weight: 0}]}]}
`
)

func suppressing(manifest, codes string) string {
	return strings.Replace(manifest, "namespace: demo}", "namespace: demo, annotations: {galley.istio.io/analyze-suppress: \""+codes+"\"}}", 1)
}

func TestFlagsAndAnnotationsDecideWhichMessagesFailTheRun(t *testing.T) {
	for name, one := range map[string]struct {
		manifest string
		flags    []string
		// For each printed line: the prefix with which it begins ("warning: ", "note: " or none), and the code or text with which
		// it ends. A line that has no prefix makes the run fail.
		want []string
	}{
		"an EnvoyFilter":                                    {envoyFilterManifest, nil, []string{"warning: [IST0133]"}},
		"an EnvoyFilter, warnings allowed":                  {envoyFilterManifest, []string{"--warnings-ok"}, []string{"warning: [IST0133]"}},
		"an EnvoyFilter, its code allowed":                  {envoyFilterManifest, []string{"--allow", "IST0133"}, []string{"warning: [IST0133]"}},
		"an EnvoyFilter with the annotation":                {suppressing(envoyFilterManifest, "IST0133"), nil, nil},
		"a schema's warning":                                {schemaWarning, nil, []string{"[IST0133]"}},
		"a schema's warning, all allowed":                   {schemaWarning, []string{"--warnings-ok"}, []string{"warning: [IST0133]"}},
		"a schema's warning, its code allowed":              {schemaWarning, []string{"--allow", "IST0133"}, []string{"warning: [IST0133]"}},
		"a schema's warning, another code allowed":          {schemaWarning, []string{"--allow", "IST0173"}, []string{"[IST0133]"}},
		"a schema's warning with the annotation":            {suppressing(schemaWarning, "IST0001,IST0133"), nil, nil},
		"a schema's warning with another code's annotation": {suppressing(schemaWarning, "IST0130"), nil, []string{"[IST0133]"}},
		"a rule's warning":                                  {ruleWarning, nil, []string{"[IST0130]"}},
		"a rule's warning, all allowed":                     {ruleWarning, []string{"--warnings-ok"}, []string{"warning: [IST0130]"}},
		"a rule's warning, its code allowed":                {ruleWarning, []string{"--allow", "IST0130"}, []string{"warning: [IST0130]"}},
		"a rule's warning, the general code allowed":        {ruleWarning, []string{"--allow", "IST0133"}, []string{"[IST0130]"}},
		"a rule's warning with the annotation":              {suppressing(ruleWarning, "*"), nil, nil},
		"the analysis's warning":                            {analysisWarning, nil, []string{"[IST0173]"}},
		"the analysis's warning, all allowed":               {analysisWarning, []string{"--warnings-ok"}, []string{"warning: [IST0173]"}},
		"the analysis's warning, its code allowed":          {analysisWarning, []string{"--allow", "IST0173"}, []string{"warning: [IST0173]"}},
		"the analysis's warning, another code allowed":      {analysisWarning, []string{"--allow", "IST0133"}, []string{"[IST0173]"}},
		"the analysis's warning with the annotation":        {suppressing(analysisWarning, "IST0173"), nil, nil},
		"two warnings, one allowed": {schemaWarning + "---\n" + analysisWarning, []string{"--allow", "IST0133"},
			[]string{"warning: [IST0133]", "[IST0173]"}},
		"two warnings, both allowed": {schemaWarning + "---\n" + analysisWarning, []string{"--allow", "IST0133", "--allow", "IST0173"},
			[]string{"warning: [IST0133]", "warning: [IST0173]"}},
		"two warnings, both flags":            {schemaWarning + "---\n" + analysisWarning, []string{"--allow", "IST0133", "--warnings-ok"}, []string{"warning: [IST0133]", "warning: [IST0173]"}},
		"an error":                            {analysisError, nil, []string{"[IST0101]"}},
		"an error, all warnings allowed":      {analysisError, []string{"--warnings-ok"}, []string{"[IST0101]"}},
		"an error, its code allowed":          {analysisError, []string{"--allow", "IST0101"}, []string{"warning: [IST0101]"}},
		"an error and a warning, warnings ok": {analysisError + "---\n" + analysisWarning, []string{"--warnings-ok"}, []string{"warning: [IST0173]", "[IST0101]"}},
		"a note":                              {analysisNote, nil, []string{"note: [IST0118]"}},
		"a note, all allowed":                 {analysisNote, []string{"--warnings-ok", "--allow", "IST0118"}, []string{"note: [IST0118]"}},
		"a rejection, its code allowed":       {validationError, []string{"--warnings-ok", "--allow", "IST0106"}, []string{"total destination weight = 0"}},
		"a rejection beside an allowed warning": {validationError + "---\n" + schemaWarning, []string{"--warnings-ok"},
			[]string{"warning: [IST0133]", "total destination weight = 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := tempFile(t, "manifest.yaml", one.manifest)
			out := filepath.Join(t.TempDir(), "out")
			run := runProgram(t, "", append([]string{twoWorkloads, manifest, "--out", out}, one.flags...)...)
			lines := strings.Split(strings.TrimSuffix(run.stderr, "\n"), "\n")
			if run.stderr == "" {
				lines = nil
			}
			if len(lines) != len(one.want) {
				t.Fatalf("exit %d\n%s\nexpected %q", run.code, run.stderr, one.want)
			}
			fails := false
			for i, want := range one.want {
				prefix, code := "", want
				if before, after, found := strings.Cut(want, ": "); found {
					prefix, code = before+": ", after
				}
				fails = fails || prefix == ""
				if !strings.HasPrefix(lines[i], prefix+manifest+":") || !strings.HasSuffix(lines[i], code) {
					t.Errorf("line %d: %s\nexpected %s", i+1, lines[i], want)
				}
			}
			if code := map[bool]int{true: 65}[fails]; run.code != code {
				t.Errorf("exit code %d, expected %d", run.code, code)
			}
			if _, err := os.Stat(out); (err == nil) == fails {
				t.Errorf("the output exists: %v, expected %v", err == nil, !fails)
			}
		})
	}
}
