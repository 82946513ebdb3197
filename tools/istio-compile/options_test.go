package main

import (
	"strings"
	"testing"
)

func TestWrongArgumentsEndWith64AndSayWhich(t *testing.T) {
	for want, arguments := range map[string][]string{
		"-frob":                          {"--frob", two},
		"no manifests":                   {},
		"nowhere.yaml":                   {two, "nowhere.yaml"},
		"nowhere/component":              {two, "--component", "nowhere/component"},
		"nowhere/mesh.yaml":              {"--mesh-config", "nowhere/mesh.yaml", two},
		"--zone europe: ":                {two, "--zone", "europe"},
		"--zone europe/1/a: ":            {two, "--zone=europe/1/a"},
		"needs an argument":              {two, "--out"},
		"--namespace Till: ":             {two, "--namespace", "Till"},
		"--allow IST9999: expected":      {two, "--allow", "IST9999"},
		"--allow ist0133: expected":      {two, "--allow", "ist0133"},
		"--out testdata: something else": {two, "--out", "testdata"},
		"--out testdata/two.yaml: ":      {two, "--out", two},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if run := start(t, "", arguments...); run.code != 64 || !strings.Contains(run.stderr, want) {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
		})
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, asked := range []string{"-h", "--help"} {
		if run := start(t, "", asked); run.code != 0 || run.stdout != help || run.stderr != "" {
			t.Errorf("%s: exit %d\n%s%s", asked, run.code, run.stdout, run.stderr)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	if !strings.Contains(help, "--warnings-ok") {
		t.Error("--warnings-ok is not in the help")
	}
	for _, flag := range []string{"--out", "--objects", "--mesh-config", "--component", "--zone", "--namespace", "--allow"} {
		if run := start(t, "", two, flag); run.code != 64 || !strings.Contains(run.stderr, "needs an argument") {
			t.Errorf("%s is not a flag: %s", flag, run.stderr)
		}
		if !strings.Contains(help, flag) {
			t.Errorf("%s is not in the help", flag)
		}
	}
}
