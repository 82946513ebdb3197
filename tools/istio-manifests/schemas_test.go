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

// schemas validates manifests as an API server does before it stores an object. For Kubernetes' own kinds it uses the Go types. For
// all other kinds it uses the CRDs, including the CEL rules in the CRDs.
type schemas struct{ custom *crd.Validator }

var loadSchemas = sync.OnceValues(func() (schemas, error) {
	files, err := filepath.Glob("testdata/crds/*.yaml")
	if err != nil {
		return schemas{}, err
	}
	// Istio's CRDs come from the Go module of Istio, in the version that istio-compile uses.
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
	found, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// validate returns an error that names the path of the wrong field, or nil if the manifest is valid.
func (s schemas) validate(manifest []byte) error {
	// The CEL rules of the CRDs expect integers. Unstructured decodes whole numbers as integers.
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

// missingFields returns the paths of the required fields that the value lacks. A field of the Go type is required if its JSON tag
// does not contain omitempty, as in Kubernetes' OpenAPI documents.
func missingFields(path string, goType reflect.Type, value any) []string {
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	var missing []string
	switch held := value.(type) {
	case []any:
		for i, item := range held {
			if goType.Kind() == reflect.Slice {
				missing = append(missing, missingFields(fmt.Sprintf("%s[%d]", path, i), goType.Elem(), item)...)
			}
		}
	case map[string]any:
		// A type that decodes its own JSON, such as a quantity or a time, has no fields to check.
		if goType.Kind() != reflect.Struct || reflect.PointerTo(goType).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return nil
		}
		for i := range goType.NumField() {
			field := goType.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous && strings.Contains(options, "inline") {
				missing = append(missing, missingFields(path, field.Type, held)...)
				continue
			}
			inner, ok := held[name]
			fieldPath := strings.TrimPrefix(path+"."+name, ".")
			switch {
			case ok:
				missing = append(missing, missingFields(fieldPath, field.Type, inner)...)
			case name != "" && name != "-" && !strings.Contains(options, "omitempty"):
				missing = append(missing, fieldPath)
			}
		}
	}
	return missing
}
