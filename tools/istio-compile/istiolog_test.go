package main

import (
	"strings"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

func TestErrorsInIstiosLogFailTheRunAndWarningsDoNot(t *testing.T) {
	collected, err := collectIstioLog()
	if err != nil {
		t.Fatal(err)
	}
	scope := istiolog.RegisterScope("istio-compile-test", "a part of Istio")
	scope.SetOutputLevel(istiolog.WarnLevel)
	scope.Info("an information")
	scope.Warn("a warning")
	istiolog.Warn("a warning")
	istiolog.Errorf("CRD %v expected to have a v1.6.0 annotation, but none found; ignoring", "grpcroutes.gateway.networking.k8s.io")
	var notes strings.Builder
	if err := collected.report(&notes); err != nil {
		t.Errorf("report returned an error, although Istio logged only an error that is ignored: %v", err)
	}
	scope.Error("the patches did not take effect")
	if err := collected.report(&notes); err == nil || err.Error() != "Istio logged an error: the patches did not take effect" {
		t.Errorf("%v", err)
	}
	if want := strings.Repeat("note: Istio logged a warning: a warning\n", 2); notes.String() != want {
		t.Errorf("%s", notes.String())
	}
}

func TestAWarningInIstiosLogIsPrintedOnceAndDoesNotFailTheRun(t *testing.T) {
	mesh := tempFile(t, "mesh.yaml", "extensionProviders: [{name: otel, opentelemetry: {service: nothing.demo.svc.cluster.local, port: 4317}}]\n")
	telemetry := tempFile(t, "telemetry.yaml", `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{providers: [{name: otel}], randomSamplingPercentage: 10}]}
`)
	run := runProgram(t, "", "--mesh-config", mesh, telemetry, twoWorkloads)
	if run.code != 0 || strings.Count(run.stderr, "note: Istio logged a warning: ") != 1 || !strings.Contains(run.stderr, "nothing.demo.svc") {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}
