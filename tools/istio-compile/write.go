package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// What the first line of every file says.
const generated = "Written by istio-compile. Do not edit: change the manifests, and compile again."

// document is one file: what Istio sends of one kind, in the form of Envoy's DiscoveryResponse.
type document struct {
	Comment   string           `json:"//"`
	Resources []map[string]any `json:"resources"`
}

// write makes the folder anew: it is complete and new, or as it was.
func write(out string, cluster *cluster, compiled map[string]resources) error {
	out = filepath.Clean(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	if err := os.Chmod(made, 0o755); err != nil {
		return err
	}
	for name, of := range compiled {
		folder := filepath.Join(made, filepath.FromSlash(name))
		for file, resources := range map[string][]map[string]any{
			"listeners.json": of.Listeners, "routes.json": of.Routes, "clusters.json": of.Clusters,
			"endpoints.json": of.Endpoints, "extensions.json": of.Extensions,
		} {
			if resources == nil {
				resources = []map[string]any{}
			}
			if err := writeJSON(filepath.Join(folder, file), document{generated, resources}); err != nil {
				return err
			}
		}
	}
	list := struct {
		Comment   string           `json:"//"`
		Workloads []workload       `json:"workloads"`
		SpinApps  []map[string]any `json:"spin_apps"`
	}{generated, cluster.workloads, spinApps(cluster)}
	if err := writeJSON(filepath.Join(made, "workloads.json"), list); err != nil {
		return err
	}
	return replace(out, made)
}

// spinApps are the SpinApps as rendered, for whoever runs them.
func spinApps(cluster *cluster) []map[string]any {
	found := []map[string]any{}
	for _, of := range cluster.objects {
		if of.GetKind() == "SpinApp" {
			found = append(found, of.Object)
		}
	}
	return found
}

func writeJSON(path string, content any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(content); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// replace puts the folder made in the place of out. A folder that this program did not write is left alone.
func replace(out, made string) error {
	old := made + "-old"
	if entries, err := os.ReadDir(out); err == nil {
		if _, err := os.Stat(filepath.Join(out, "workloads.json")); err != nil && len(entries) > 0 {
			return fmt.Errorf("--out %s: there is something else in it (no workloads.json); name a folder that is new or was written by istio-compile", out)
		}
		if err := os.Rename(out, old); err != nil {
			return err
		}
	}
	if err := os.Rename(made, out); err != nil {
		return err
	}
	return os.RemoveAll(old)
}
