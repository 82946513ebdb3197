#!/usr/bin/env bash
# spin-operator 0.6.1 (Go module github.com/spinkube/spin-operator) cannot accept a SpinApp with a health check if its webhooks are on,
# as they are in its Helm chart, unless the check lists HTTP headers. Its own sample config/samples/probes.yaml is rejected.
#
# The expected result: `httpHeaders` is optional in the CRD, so a check with only a path is valid. Without the webhooks, the API server
# accepts it.
#
# The cause: the mutating webhook answers with the difference between the SpinApp as it got it and the SpinApp as its Go type writes
# it. The Go field HTTPHeaders has a JSON name without `omitempty`, so a missing list is written as null. The API server then
# validates the changed object against the CRD, where httpHeaders is an array that is not nullable.
#
# Observed: the webhook adds `"httpHeaders": null` to both checks of the sample, and the CRD's schema rejects the result:
#   spec.checks.liveness.httpGet.httpHeaders: Invalid value: "null": ... must be of type array: "null"
# With `httpHeaders: []` in the sample, the webhook changes nothing there, and the schema accepts the result.
#
# The script runs the operator's own defaulter in controller-runtime's own webhook handler, and validates with the API server's own
# package. It needs Go 1.24 or later.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
printf 'module finding\n\ngo 1.24\n' >go.mod
module=$(go mod download -json github.com/spinkube/spin-operator@v0.6.1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
cp -r "$module" operator
chmod -R u+w operator
cd operator
cat >internal/webhook/finding_test.go <<'GO'
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	spinv1alpha1 "github.com/spinkube/spin-operator/api/v1alpha1"
)

// admit returns the SpinApp after the mutating webhook, and the errors of the CRD's schema.
func admit(t *testing.T, manifest []byte) (string, string) {
	raw, err := yaml.YAMLToJSON(manifest)
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := spinv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	hook := admission.WithCustomDefaulter(scheme, &spinv1alpha1.SpinApp{}, &SpinAppDefaulter{})
	request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: raw}}}
	response := hook.Handle(context.Background(), request)
	if !response.Allowed {
		t.Fatal(response.Result)
	}
	operations, err := json.Marshal(response.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := patch.Apply(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../config/crd/bases/core.spinkube.dev_spinapps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	var schema apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &schema, nil); err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&schema)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(changed, &object); err != nil {
		t.Fatal(err)
	}
	return string(operations), fmt.Sprint(validation.ValidateCustomResource(nil, object, validator))
}

func TestFinding(t *testing.T) {
	sample, err := os.ReadFile("../../config/samples/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	patches, errs := admit(t, sample)
	fmt.Println("patches of the sample:", patches)
	fmt.Println("errors:", errs)
	for _, check := range []string{"liveness", "readiness"} {
		if !strings.Contains(patches, `"path":"/spec/checks/`+check+`/httpGet/httpHeaders","value":null`) {
			t.Errorf("the webhook does not write null into the %s check", check)
		}
		if !strings.Contains(errs, "spec.checks."+check+`.httpGet.httpHeaders: Invalid value: "null"`) {
			t.Errorf("the schema accepts null in the %s check", check)
		}
	}
	withList := strings.ReplaceAll(string(sample), "httpGet:\n", "httpGet:\n        httpHeaders: []\n")
	patches, errs = admit(t, []byte(withList))
	fmt.Println("patches with an empty list:", patches)
	fmt.Println("errors:", errs)
	if strings.Contains(patches, "httpHeaders") || errs != "[]" {
		t.Error("the sample with empty lists is rejected too")
	}
}
GO
go test -mod=mod -count=1 -run TestFinding -v ./internal/webhook 2>&1 | grep -v '^go: downloading' | tee "$work/output"
grep -q '^--- PASS: TestFinding' "$work/output"
echo "spin-operator behaves as the comment at the start of this script describes"
