package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/config/schema/collections"
	istioresource "istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/util/protomarshal"
	"sigs.k8s.io/yaml"
)

// configs are Istio's own manifests in Istio's own types.
func configs(objects []object) ([]config.Config, []object, error) {
	var wrong faults
	var found []config.Config
	var from []object
	for _, of := range objects {
		kind, known := schemaOf(of)
		if !known {
			continue
		}
		schema, _ := collections.PilotGatewayAPI().FindByGroupVersionKind(kind)
		text, err := of.MarshalJSON()
		var raw crd.IstioKind
		if err == nil {
			err = json.Unmarshal(text, &raw)
		}
		if err != nil {
			wrong.add(of, "%v", err)
			continue
		}
		read, err := crd.ConvertObjectInternal(schema, &raw, "cluster.local", strict)
		if err != nil {
			wrong.add(of, "%v", err)
			continue
		}
		if read.Namespace == "" {
			read.Namespace = "default"
		}
		versioned(&read.Meta, of.Object)
		found = append(found, *read)
		from = append(from, of)
	}
	return found, from, wrong.err()
}

// strict refuses unknown fields, which Kubernetes would drop without a word.
func strict(schema istioresource.Schema, text string) (config.Spec, error) {
	spec, err := schema.NewInstance()
	if err != nil {
		return nil, err
	}
	return spec, config.ApplyJSONStrict(spec, text)
}

// judge fails on everything that Istio rejects or warns of: its validation, which a cluster runs when a manifest is applied,
// and its analysis, `istioctl analyze`. What is merely worth knowing is printed.
func judge(cluster *cluster, mesh *meshconfig.MeshConfig, output io.Writer) error {
	found, from, err := configs(cluster.objects)
	if err != nil {
		return err
	}
	var wrong faults
	for i, one := range found {
		schema, _ := collections.PilotGatewayAPI().FindByGroupVersionKind(one.GroupVersionKind)
		warning, err := schema.ValidateConfig(one)
		if err != nil {
			wrong.add(from[i], "%v", err)
		}
		if warning != nil {
			wrong.add(from[i], "%v", warning)
		}
	}
	if len(wrong) > 0 {
		return wrong.err()
	}
	return analyze(cluster, mesh, output)
}

func analyze(cluster *cluster, mesh *meshconfig.MeshConfig, output io.Writer) error {
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", resource.Namespace(mesh.RootNamespace), nil)
	if err := useMeshConfig(analyzer, mesh); err != nil {
		return err
	}
	at := map[string]object{}
	var sources []local.ReaderSource
	add := func(name string, content any) error {
		text, err := yaml.Marshal(content)
		sources = append(sources, local.ReaderSource{Name: name, Reader: strings.NewReader(string(text))})
		return err
	}
	for i, of := range cluster.objects {
		if !isIstio(of) {
			continue
		}
		name := fmt.Sprintf("istio-%d", i)
		at[name] = of
		if err := add(name, of.Object); err != nil {
			return err
		}
	}
	for i, of := range cluster.kubernetes {
		name := fmt.Sprintf("kubernetes-%d", i)
		at[name] = of.from
		if err := add(name, of.Object); err != nil {
			return err
		}
	}
	if err := analyzer.AddTestReaderKubeSource(sources); err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return err
	}
	var wrong faults
	for _, message := range result.Messages {
		of := object{}
		if message.Resource != nil && message.Resource.Origin != nil {
			if reference := message.Resource.Origin.Reference(); reference != nil {
				name, _, _ := strings.Cut(reference.String(), ":")
				of = at[name]
			}
		}
		text := fmt.Sprintf("%s [%s]", message.Unstructured(false)["message"], message.Type.Code())
		switch {
		case of.Unstructured == nil:
			text = fmt.Sprintf("%s: %s", message.Origin(), text)
		default:
			text = fmt.Sprintf("%s: %s: %s", of.place, of, text)
		}
		if message.Type.Level().IsWorseThanOrEqualTo(diag.Warning) {
			wrong = append(wrong, fmt.Errorf("%s", text))
		} else {
			fmt.Fprintln(output, text)
		}
	}
	return wrong.err()
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
