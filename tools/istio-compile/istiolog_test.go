package main

import (
	"strings"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

func TestErrorsInIstiosLogAreFaultsAndWarningsAreNotes(t *testing.T) {
	said, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	scope := istiolog.RegisterScope("istio-compile-test", "a part of Istio")
	scope.SetOutputLevel(istiolog.WarnLevel)
	scope.Info("of no interest")
	scope.Warn("a warning")
	istiolog.Warn("a warning")
	istiolog.Errorf("CRD %v expected to have a v1.6.0 annotation, but none found; ignoring", "grpcroutes.gateway.networking.k8s.io")
	var notes strings.Builder
	if err := said.report(&notes); err != nil {
		t.Errorf("no error was logged that counts, and yet: %v", err)
	}
	scope.Error("the patches did not take effect")
	if err := said.report(&notes); err == nil || err.Error() != "Istio reports in its log: the patches did not take effect" {
		t.Errorf("%v", err)
	}
	if want := strings.Repeat("note: Istio warns in its log: a warning\n", 2); notes.String() != want {
		t.Errorf("%s", notes.String())
	}
}

func TestAWarningInIstiosLogIsPrintedOnceAndCompiles(t *testing.T) {
	mesh := file(t, "mesh.yaml", "extensionProviders: [{name: otel, opentelemetry: {service: nothing.demo.svc.cluster.local, port: 4317}}]\n")
	telemetry := file(t, "telemetry.yaml", `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{providers: [{name: otel}], randomSamplingPercentage: 10}]}
`)
	run := start(t, "", "--mesh-config", mesh, telemetry, two)
	if run.code != 0 || strings.Count(run.stderr, "note: Istio warns in its log: ") != 1 || !strings.Contains(run.stderr, "nothing.demo.svc") {
		t.Errorf("exit %d\n%s", run.code, run.stderr)
	}
}
