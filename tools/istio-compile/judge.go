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

// tolerance selects the messages that do not make a run fail: all warnings (--warnings-ok), or the messages that have one of the
// codes (--allow).
type tolerance struct {
	warnings bool
	codes    map[string]bool
}

// verdict collects Istio's messages by their effect. A message in the list `rejected` makes the run fail. The messages in the
// lists `warnings` and `notes` are only printed.
type verdict struct {
	tolerated                 tolerance
	rejected, warnings, notes messageList
}

// judge returns an error if Istio rejects a manifest or warns about one. It runs Istio's validation, as a cluster does when a
// manifest is applied, and Istio's analysis, as `istioctl analyze` does. Messages that are tolerated, and messages that are less
// severe than a warning, are only printed.
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

// listOf returns the list that collects messages of this level and code.
func (v *verdict) listOf(level diag.Level, code string) *messageList {
	switch {
	case !level.IsWorseThanOrEqualTo(diag.Warning):
		return &v.notes
	case v.tolerated.codes[code], v.tolerated.warnings && (level == diag.Warning || code == emptySubset):
		return &v.warnings
	}
	return &v.rejected
}

// The code of Istio's error for a subset that selects no Pods. --warnings-ok also tolerates this error, because a subset is often
// created before the Pods of its release. Istio's own samples also contain such subsets.
var emptySubset = msg.DestinationRuleSubsetNotSelectPods.Code()

func (v *verdict) validate(objects []object) error {
	found, err := configs(objects)
	if err != nil {
		return err
	}
	for _, config := range found {
		warning, err := config.schema.ValidateConfig(config.Config)
		for _, each := range joinedErrors(err) {
			v.rejected.add(config.from, "%v", each)
		}
		for _, each := range joinedErrors(warning) {
			code := codeOf(each)
			if suppressed(config.from, code) {
				continue
			}
			into := v.listOf(diag.Warning, code)
			if strings.HasPrefix(each.Error(), envoyFilterWarning) {
				into = &v.warnings
			}
			into.add(config.from, "%v [%s]", each, code)
		}
	}
	return nil
}

// The first words of the warning that Istio's validation returns for every EnvoyFilter. This warning does not make a run fail.
const envoyFilterWarning = "EnvoyFilter exposes internal implementation details"

// The codes under which `istioctl analyze` reports the warnings of Istio's validation.
var validationCodes = map[string]bool{
	msg.SchemaWarning.Code(): true, msg.VirtualServiceUnreachableRule.Code(): true, msg.VirtualServiceIneffectiveMatch.Code(): true,
}

// codeOf returns the code under which `istioctl analyze` would report this warning of Istio's validation.
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

// suppressed reports whether an annotation of the manifest suppresses messages that have this code. `istioctl analyze` reads the
// same annotation.
func suppressed(manifest object, code string) bool {
	codes := strings.Split(manifest.GetAnnotations()[annotation.GalleyAnalyzeSuppress.Name], ",")
	return slices.Contains(codes, code) || slices.Contains(codes, "*")
}

// joinedErrors returns the errors that Istio joined into the error `err`.
func joinedErrors(err error) []error {
	var many interface{ WrappedErrors() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		return many.WrappedErrors()
	}
	return []error{err}
}

func (v *verdict) analyze(cluster *cluster, mesh *meshconfig.MeshConfig) error {
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", resource.Namespace(mesh.RootNamespace), nil)
	if err := useMeshConfig(analyzer, mesh); err != nil {
		return failure{err, exitSoftware}
	}
	sources, at, err := sourcesOf(cluster)
	if err == nil {
		err = analyzer.AddTestReaderKubeSource(sources)
	}
	if err != nil {
		return failure{err, exitSoftware}
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return failure{err, exitSoftware}
	}
	// If `istioctl analyze` reads files, it silently skips all analyzers that read Pods and Services. istio-compile does not: if Istio
	// skips an analyzer, istio-compile fails.
	if len(result.SkippedAnalyzers) > 0 {
		return failure{fmt.Errorf("Istio skipped some of its analyzers: %s", strings.Join(result.SkippedAnalyzers, ", ")), exitSoftware}
	}
	for _, message := range result.Messages {
		code := message.Type.Code()
		// Istio's validation has run before the analysis, and has already reported the messages that have these codes.
		if validationCodes[code] {
			continue
		}
		into := v.listOf(message.Type.Level(), code)
		text := fmt.Sprintf("%s [%s]", message.Unstructured(false)["message"], code)
		if manifest := at[sourceOf(message)]; manifest.Unstructured != nil {
			into.add(manifest, "%s", text)
		} else {
			into.addAt(location{"analysis", 0}, "%s%s", message.Origin(), text)
		}
	}
	return nil
}

// sourcesOf returns the YAML text of each object as a source with a name, and a map from these names to the manifests. A message
// of the analysis names a source, and the map contains the manifest of this source.
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
	for _, manifest := range cluster.objects {
		if _, known := schemaOf(manifest); !known {
			continue
		}
		if err := add(manifest.Object, manifest); err != nil {
			return nil, nil, err
		}
	}
	for _, stored := range cluster.kubernetes {
		if err := add(stored.Object, stored.from); err != nil {
			return nil, nil, err
		}
	}
	return sources, at, nil
}

// sourceOf returns the name of the source (see sourcesOf) of the object that a message is about, or an empty string if the message
// is not about an object.
func sourceOf(message diag.Message) string {
	if message.Resource == nil || message.Resource.Origin == nil || message.Resource.Origin.Reference() == nil {
		return ""
	}
	name, _, _ := strings.Cut(message.Resource.Origin.Reference().String(), ":")
	return name
}

// useMeshConfig gives the mesh configuration to the analyzer in a temporary file, because the analyzer can read it only from a
// file.
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
