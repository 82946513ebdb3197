package manifests

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"istio.io/istio/pkg/config/crd"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// schemas judge a manifest as an API server would before it stores it: by the types of Kubernetes' own kinds, and for all others by the
// CRDs with their rules in CEL.
type schemas struct{ custom *crd.Validator }

var known = sync.OnceValues(func() (schemas, error) {
	files, err := filepath.Glob("testdata/crds/*.yaml")
	if err != nil {
		return schemas{}, err
	}
	// The CRDs of the Istio version that compiles the manifests.
	module := run("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio")
	if module.code != 0 {
		return schemas{}, fmt.Errorf("go list: %s", module)
	}
	files = append(files, filepath.Join(strings.TrimSpace(module.stdout), "manifests/charts/base/files/crd-all.gen.yaml"))
	custom, err := crd.NewValidatorFromFilesWithOptions(files, crd.WithoutCRDValidation())
	return schemas{custom}, err
})

func schemasOf(t *testing.T) schemas {
	t.Helper()
	found, err := known()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// validate returns the fault of one manifest, with the path of the field.
func (s schemas) validate(manifest []byte) error {
	// Unstructured has its own decoder: whole numbers are integers, as the rules in CEL expect.
	var object unstructured.Unstructured
	if err := yaml.Unmarshal(manifest, &object); err != nil {
		return err
	}
	if !scheme.Scheme.Recognizes(object.GroupVersionKind()) {
		return s.custom.ValidateCustomResource(&object)
	}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, serializer.SerializerOptions{Yaml: true, Strict: true})
	typed, _, err := strict.Decode(manifest, nil, nil)
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	if missing := missingFields("", reflect.TypeOf(typed).Elem(), object.Object); len(missing) > 0 {
		return fmt.Errorf("%s %s: missing: %s", object.GetKind(), object.GetName(), strings.Join(missing, ", "))
	}
	return nil
}

// missingFields are the required fields of a type that a value does not have. In Kubernetes' OpenAPI documents, a field is required if
// its JSON tag has no omitempty.
func missingFields(path string, of reflect.Type, value any) []string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	var missing []string
	switch held := value.(type) {
	case []any:
		for i, item := range held {
			if of.Kind() == reflect.Slice {
				missing = append(missing, missingFields(fmt.Sprintf("%s[%d]", path, i), of.Elem(), item)...)
			}
		}
	case map[string]any:
		// Types with their own JSON form, such as a quantity or a time.
		if of.Kind() != reflect.Struct || reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return nil
		}
		for i := range of.NumField() {
			field := of.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous && strings.Contains(options, "inline") {
				missing = append(missing, missingFields(path, field.Type, held)...)
				continue
			}
			inner, there := held[name]
			place := strings.TrimPrefix(path+"."+name, ".")
			switch {
			case there:
				missing = append(missing, missingFields(place, field.Type, inner)...)
			case name != "" && name != "-" && !strings.Contains(options, "omitempty"):
				missing = append(missing, place)
			}
		}
	}
	return missing
}
