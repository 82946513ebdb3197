package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One message of each level: an EnvoyFilter's, a warning of validation, a warning of the analysis, an error of the analysis and a note.
const (
	envoyFilter = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: stamp, namespace: demo}
spec:
  workloadSelector: {labels: {app: api}}
  configPatches:
    - applyTo: HTTP_FILTER
      match: {context: SIDECAR_INBOUND}
      patch: {operation: INSERT_FIRST, value: {name: stamp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "x = 1"}}}}
`
	ofItsSchema = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: demo}
spec: {selector: {matchLabels: {app: api}}, action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}
`
	ofItsRule = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: demo}
spec: {hosts: [api], http: [{route: [{destination: {host: api}}]}, {match: [{uri: {prefix: /a}}], route: [{destination: {host: api}}]}]}
`
	ofTheAnalysis = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: demo}
spec: {host: api, subsets: [{name: v1, labels: {version: v1}}, {name: v7, labels: {version: v7}}]}
`
	anError = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: demo}
spec: {hosts: [other.example.com], http: [{route: [{destination: {host: nowhere}}]}]}
`
	aNote = `apiVersion: v1
kind: Service
metadata: {name: other, namespace: demo}
spec: {selector: {app: api}, ports: [{name: x, port: 90, targetPort: web}]}
`
	aRejection = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: none, namespace: demo}
spec: {hosts: [none.example.com], http: [{route: [{destination: {host: api}, weight: 0}, {destination: {host: api}, weight: 0}]}]}
`
)

func suppressing(manifest, codes string) string {
	return strings.Replace(manifest, "namespace: demo}", "namespace: demo, annotations: {galley.istio.io/analyze-suppress: \""+codes+"\"}}", 1)
}

func TestWhichMessagesFail(t *testing.T) {
	for name, one := range map[string]struct {
		manifest string
		flags    []string
		// The prefix of each line, if it has one, and its code. A line without a prefix fails the run.
		want []string
	}{
		"an EnvoyFilter":                                    {envoyFilter, nil, []string{"warning: [IST0133]"}},
		"an EnvoyFilter, warnings allowed":                  {envoyFilter, []string{"--warnings-ok"}, []string{"warning: [IST0133]"}},
		"an EnvoyFilter, its code allowed":                  {envoyFilter, []string{"--allow", "IST0133"}, []string{"warning: [IST0133]"}},
		"an EnvoyFilter with the annotation":                {suppressing(envoyFilter, "IST0133"), nil, nil},
		"a schema's warning":                                {ofItsSchema, nil, []string{"[IST0133]"}},
		"a schema's warning, all allowed":                   {ofItsSchema, []string{"--warnings-ok"}, []string{"warning: [IST0133]"}},
		"a schema's warning, its code allowed":              {ofItsSchema, []string{"--allow", "IST0133"}, []string{"warning: [IST0133]"}},
		"a schema's warning, another code allowed":          {ofItsSchema, []string{"--allow", "IST0173"}, []string{"[IST0133]"}},
		"a schema's warning with the annotation":            {suppressing(ofItsSchema, "IST0001,IST0133"), nil, nil},
		"a schema's warning with another code's annotation": {suppressing(ofItsSchema, "IST0130"), nil, []string{"[IST0133]"}},
		"a rule's warning":                                  {ofItsRule, nil, []string{"[IST0130]"}},
		"a rule's warning, all allowed":                     {ofItsRule, []string{"--warnings-ok"}, []string{"warning: [IST0130]"}},
		"a rule's warning, its code allowed":                {ofItsRule, []string{"--allow", "IST0130"}, []string{"warning: [IST0130]"}},
		"a rule's warning, the general code allowed":        {ofItsRule, []string{"--allow", "IST0133"}, []string{"[IST0130]"}},
		"a rule's warning with the annotation":              {suppressing(ofItsRule, "*"), nil, nil},
		"the analysis's warning":                            {ofTheAnalysis, nil, []string{"[IST0173]"}},
		"the analysis's warning, all allowed":               {ofTheAnalysis, []string{"--warnings-ok"}, []string{"warning: [IST0173]"}},
		"the analysis's warning, its code allowed":          {ofTheAnalysis, []string{"--allow", "IST0173"}, []string{"warning: [IST0173]"}},
		"the analysis's warning, another code allowed":      {ofTheAnalysis, []string{"--allow", "IST0133"}, []string{"[IST0173]"}},
		"the analysis's warning with the annotation":        {suppressing(ofTheAnalysis, "IST0173"), nil, nil},
		"two warnings, one allowed": {ofItsSchema + "---\n" + ofTheAnalysis, []string{"--allow", "IST0133"},
			[]string{"warning: [IST0133]", "[IST0173]"}},
		"two warnings, both allowed": {ofItsSchema + "---\n" + ofTheAnalysis, []string{"--allow", "IST0133", "--allow", "IST0173"},
			[]string{"warning: [IST0133]", "warning: [IST0173]"}},
		"two warnings, both flags":            {ofItsSchema + "---\n" + ofTheAnalysis, []string{"--allow", "IST0133", "--warnings-ok"}, []string{"warning: [IST0133]", "warning: [IST0173]"}},
		"an error":                            {anError, nil, []string{"[IST0101]"}},
		"an error, all warnings allowed":      {anError, []string{"--warnings-ok"}, []string{"[IST0101]"}},
		"an error, its code allowed":          {anError, []string{"--allow", "IST0101"}, []string{"warning: [IST0101]"}},
		"an error and a warning, warnings ok": {anError + "---\n" + ofTheAnalysis, []string{"--warnings-ok"}, []string{"warning: [IST0173]", "[IST0101]"}},
		"a note":                              {aNote, nil, []string{"note: [IST0118]"}},
		"a note, all allowed":                 {aNote, []string{"--warnings-ok", "--allow", "IST0118"}, []string{"note: [IST0118]"}},
		"a rejection, whatever is allowed":    {aRejection, []string{"--warnings-ok", "--allow", "IST0106"}, []string{"total destination weight = 0"}},
		"a rejection beside an allowed warning": {aRejection + "---\n" + ofItsSchema, []string{"--warnings-ok"},
			[]string{"warning: [IST0133]", "total destination weight = 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := file(t, "manifest.yaml", one.manifest)
			out := filepath.Join(t.TempDir(), "out")
			run := start(t, "", append([]string{two, manifest, "--out", out}, one.flags...)...)
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
				t.Errorf("exit %d, not %d", run.code, code)
			}
			if _, err := os.Stat(out); (err == nil) == fails {
				t.Errorf("written: %v", err == nil)
			}
		})
	}
}
