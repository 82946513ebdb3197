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

// verdict collects Istio's messages by what follows from them: the run fails, a warning is printed, or a note.
type verdict struct {
	tolerated                 tolerance
	rejected, warnings, notes faults
}

// judge fails on everything that Istio rejects or warns of: its validation, which a cluster runs when a manifest is applied, and its
// analysis, `istioctl analyze`. Tolerated warnings and messages of lower levels are printed.
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

// A subset that selects no Pods. Istio calls it an error, and its own samples have it: a release often has its subset before its Pods.
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

// Validation warns of every EnvoyFilter with these words, so they are no reason to fail.
const anyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

// The codes under which `istioctl analyze` reports what validation warns of.
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

// suppressed reports whether a manifest's annotation silences messages of this code, as it does for `istioctl analyze`.
func suppressed(of object, code string) bool {
	codes := strings.Split(of.GetAnnotations()[annotation.GalleyAnalyzeSuppress.Name], ",")
	return slices.Contains(codes, code) || slices.Contains(codes, "*")
}

// parts are the errors of which Istio made one.
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
	// For files, istioctl itself leaves out most of them without a word: all that look at Pods and Services.
	if len(result.SkippedAnalyzers) > 0 {
		return failure{fmt.Errorf("Istio left out some of its analyzers: %s", strings.Join(result.SkippedAnalyzers, ", ")), software}
	}
	for _, message := range result.Messages {
		code := message.Type.Code()
		// These were found before, with the words of validation.
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

// sourcesOf is a text for each object, under a name by which a message leads back to the manifest.
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

// sourceOf is the name of the text that a message is about; empty for none.
func sourceOf(message diag.Message) string {
	if message.Resource == nil || message.Resource.Origin == nil || message.Resource.Origin.Reference() == nil {
		return ""
	}
	name, _, _ := strings.Cut(message.Resource.Origin.Reference().String(), ":")
	return name
}

// useMeshConfig gives it by a file, since there is no other way.
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
