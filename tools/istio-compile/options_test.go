package main

import (
	"strings"
	"testing"
)

func TestAWrongArgumentExitsWith64AndIsNamed(t *testing.T) {
	for want, arguments := range map[string][]string{
		"-frob":                          {"--frob", twoWorkloads},
		"no manifests":                   {},
		"nowhere.yaml":                   {twoWorkloads, "nowhere.yaml"},
		"nowhere/component":              {twoWorkloads, "--component", "nowhere/component"},
		"nowhere/mesh.yaml":              {"--mesh-config", "nowhere/mesh.yaml", twoWorkloads},
		"--zone europe: ":                {twoWorkloads, "--zone", "europe"},
		"--zone europe/1/a: ":            {twoWorkloads, "--zone=europe/1/a"},
		"needs an argument":              {twoWorkloads, "--out"},
		"--namespace Till: ":             {twoWorkloads, "--namespace", "Till"},
		"--allow IST9999: expected":      {twoWorkloads, "--allow", "IST9999"},
		"--allow ist0133: expected":      {twoWorkloads, "--allow", "ist0133"},
		"--out testdata: contains other": {twoWorkloads, "--out", "testdata"},
		"--out testdata/two.yaml: ":      {twoWorkloads, "--out", twoWorkloads},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if run := runProgram(t, "", arguments...); run.code != 64 || !strings.Contains(run.stderr, want) {
				t.Errorf("exit %d\n%s", run.code, run.stderr)
			}
		})
	}
}

func TestHelpExitsWith0(t *testing.T) {
	for _, flag := range []string{"-h", "--help"} {
		if run := runProgram(t, "", flag); run.code != 0 || run.stdout != help || run.stderr != "" {
			t.Errorf("%s: exit %d\n%s%s", flag, run.code, run.stdout, run.stderr)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	if !strings.Contains(help, "--warnings-ok") {
		t.Error("--warnings-ok is not in the help")
	}
	for _, flag := range []string{"--out", "--objects", "--mesh-config", "--component", "--zone", "--namespace", "--allow"} {
		if run := runProgram(t, "", twoWorkloads, flag); run.code != 64 || !strings.Contains(run.stderr, "needs an argument") {
			t.Errorf("%s is not a flag: %s", flag, run.stderr)
		}
		if !strings.Contains(help, flag) {
			t.Errorf("%s is not in the help", flag)
		}
	}
}
