package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/util/protomarshal"
	"sigs.k8s.io/yaml"
)

// judge fails on everything that Istio rejects or warns of: its validation, which a cluster runs when a manifest is applied,
// and its analysis, `istioctl analyze`. What is merely worth knowing is printed.
func judge(cluster *cluster, mesh *meshconfig.MeshConfig, notes io.Writer) error {
	found, err := configs(cluster.objects)
	if err != nil {
		return err
	}
	var wrong faults
	for _, one := range found {
		warning, err := one.schema.ValidateConfig(one.Config)
		for _, each := range append(parts(err), parts(warning)...) {
			if !strings.HasPrefix(each.Error(), anyEnvoyFilter) {
				wrong.add(one.from, "%v", each)
			}
		}
	}
	if len(wrong) > 0 {
		return wrong.err()
	}
	return analyze(cluster, mesh, notes)
}

// Istio's warning of every EnvoyFilter there is.
const anyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

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

func analyze(cluster *cluster, mesh *meshconfig.MeshConfig, notes io.Writer) error {
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
	var wrong, worthKnowing faults
	for _, message := range result.Messages {
		into := &worthKnowing
		if message.Type.Level().IsWorseThanOrEqualTo(diag.Warning) {
			into = &wrong
		}
		text := fmt.Sprintf("%s [%s]", message.Unstructured(false)["message"], message.Type.Code())
		if of := at[sourceOf(message)]; of.Unstructured != nil {
			into.add(of, "%s", text)
		} else {
			into.say(place{"analysis", 0}, "%s%s", message.Origin(), text)
		}
	}
	for _, note := range worthKnowing {
		fmt.Fprintf(notes, "note: %s\n", note)
	}
	return wrong.err()
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
