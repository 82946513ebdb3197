package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"istio.io/api/annotation"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/analysis/msg"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/config/validation"
	"istio.io/istio/pkg/util/protomarshal"
	"sigs.k8s.io/yaml"
)

// tolerance selects messages that do not fail a run: all warnings, or those of some codes.
type tolerance struct {
	warnings bool
	codes    map[string]bool
}

// verdict collects Istio's messages by their effect: the run fails, a warning is printed, or a note is printed.
type verdict struct {
	tolerated                 tolerance
	rejected, warnings, notes faults
}

// judge fails on everything that Istio rejects or warns about. It runs Istio's validation, as a cluster does when a manifest is applied,
// and Istio's analysis, `istioctl analyze`. Tolerated warnings and messages of lower levels are printed.
func judge(cluster *cluster, mesh *meshconfig.MeshConfig, tolerated tolerance, notes io.Writer) error {
	found := &verdict{tolerated: tolerated}
	if err := found.validate(cluster.objects); err != nil {
		return err
	}
	if len(found.rejected) == 0 {
		if err := found.analyze(cluster, mesh); err != nil {
			return err
		}
	}
	for _, warning := range found.warnings {
		fmt.Fprintf(notes, "warning: %s\n", warning)
	}
	for _, note := range found.notes {
		fmt.Fprintf(notes, "note: %s\n", note)
	}
	return found.rejected.err()
}

// listOf is the list for a message of this level and code.
func (v *verdict) listOf(level diag.Level, code string) *faults {
	switch {
	case !level.IsWorseThanOrEqualTo(diag.Warning):
		return &v.notes
	case v.tolerated.codes[code], v.tolerated.warnings && (level == diag.Warning || code == emptySubset):
		return &v.warnings
	}
	return &v.rejected
}

// A subset that selects no Pods. For Istio it is an error, but its own samples have it: a release often has its subset before its Pods.
var emptySubset = msg.DestinationRuleSubsetNotSelectPods.Code()

func (v *verdict) validate(objects []object) error {
	found, err := configs(objects)
	if err != nil {
		return err
	}
	for _, one := range found {
		warning, err := one.schema.ValidateConfig(one.Config)
		for _, each := range parts(err) {
			v.rejected.add(one.from, "%v", each)
		}
		for _, each := range parts(warning) {
			code := codeOf(each)
			if suppressed(one.from, code) {
				continue
			}
			into := v.listOf(diag.Warning, code)
			if strings.HasPrefix(each.Error(), anyEnvoyFilter) {
				into = &v.warnings
			}
			into.add(one.from, "%v [%s]", each, code)
		}
	}
	return nil
}

// Validation gives this warning for every EnvoyFilter, so it does not fail a run.
const anyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

// The codes under which `istioctl analyze` reports the warnings of validation.
var ofValidation = map[string]bool{
	msg.SchemaWarning.Code(): true, msg.VirtualServiceUnreachableRule.Code(): true, msg.VirtualServiceIneffectiveMatch.Code(): true,
}

// codeOf is the code under which `istioctl analyze` reports a warning of validation.
func codeOf(warning error) string {
	var aware *validation.AnalysisAwareError
	if errors.As(warning, &aware) {
		switch aware.Type {
		case "VirtualServiceUnreachableRule":
			return msg.VirtualServiceUnreachableRule.Code()
		case "VirtualServiceIneffectiveMatch":
			return msg.VirtualServiceIneffectiveMatch.Code()
		}
	}
	return msg.SchemaWarning.Code()
}

// suppressed reports whether a manifest's annotation suppresses messages of this code, as it does for `istioctl analyze`.
func suppressed(of object, code string) bool {
	codes := strings.Split(of.GetAnnotations()[annotation.GalleyAnalyzeSuppress.Name], ",")
	return slices.Contains(codes, code) || slices.Contains(codes, "*")
}

// parts are the errors that Istio joined into one.
func parts(of error) []error {
	var many interface{ WrappedErrors() []error }
	switch {
	case of == nil:
		return nil
	case errors.As(of, &many):
		return many.WrappedErrors()
	}
	return []error{of}
}

func (v *verdict) analyze(cluster *cluster, mesh *meshconfig.MeshConfig) error {
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", resource.Namespace(mesh.RootNamespace), nil)
	if err := useMeshConfig(analyzer, mesh); err != nil {
		return failure{err, software}
	}
	sources, at, err := sourcesOf(cluster)
	if err == nil {
		err = analyzer.AddTestReaderKubeSource(sources)
	}
	if err != nil {
		return failure{err, software}
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return failure{err, software}
	}
	// For files, istioctl itself silently skips most of them: all analyzers that read Pods and Services.
	if len(result.SkippedAnalyzers) > 0 {
		return failure{fmt.Errorf("Istio left out some of its analyzers: %s", strings.Join(result.SkippedAnalyzers, ", ")), software}
	}
	for _, message := range result.Messages {
		code := message.Type.Code()
		// Validation has already reported these, in its own wording.
		if ofValidation[code] {
			continue
		}
		into := v.listOf(message.Type.Level(), code)
		text := fmt.Sprintf("%s [%s]", message.Unstructured(false)["message"], code)
		if of := at[sourceOf(message)]; of.Unstructured != nil {
			into.add(of, "%s", text)
		} else {
			into.say(place{"analysis", 0}, "%s%s", message.Origin(), text)
		}
	}
	return nil
}

// sourcesOf is the text of each object, under a name that leads from a message back to the manifest.
func sourcesOf(cluster *cluster) ([]local.ReaderSource, map[string]object, error) {
	at := map[string]object{}
	var sources []local.ReaderSource
	add := func(content any, from object) error {
		name := fmt.Sprintf("source-%d", len(sources))
		at[name] = from
		text, err := yaml.Marshal(content)
		sources = append(sources, local.ReaderSource{Name: name, Reader: strings.NewReader(string(text))})
		return err
	}
	for _, of := range cluster.objects {
		if _, known := schemaOf(of); !known {
			continue
		}
		if err := add(of.Object, of); err != nil {
			return nil, nil, err
		}
	}
	for _, of := range cluster.kubernetes {
		if err := add(of.Object, of.from); err != nil {
			return nil, nil, err
		}
	}
	return sources, at, nil
}

// sourceOf is the name of the text that a message is about, or empty.
func sourceOf(message diag.Message) string {
	if message.Resource == nil || message.Resource.Origin == nil || message.Resource.Origin.Reference() == nil {
		return ""
	}
	name, _, _ := strings.Cut(message.Resource.Origin.Reference().String(), ":")
	return name
}

// useMeshConfig passes the mesh configuration in a file: the analyzer accepts no other form.
func useMeshConfig(analyzer *local.IstiodAnalyzer, mesh *meshconfig.MeshConfig) error {
	text, err := protomarshal.ToYAML(mesh)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "istio-compile-mesh-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err = file.WriteString(text); err == nil {
		err = file.Close()
	}
	if err != nil {
		return err
	}
	return analyzer.AddFileKubeMeshConfig(file.Name())
}
