package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// The comment at the start of every output file.
const generatedComment = "Written by istio-compile. Do not edit: change the manifests, and compile again."

// response is the content of one output file: the resources of one kind, in the form of Envoy's DiscoveryResponse.
type response struct {
	Comment   string           `json:"//"`
	Resources []map[string]any `json:"resources"`
}

// inventory is the content of workloads.json.
type inventory struct {
	Comment   string     `json:"//"`
	Workloads []workload `json:"workloads"`
	Services  []service  `json:"services"`
	// The SpinApps as kustomize renders them. They are for the program that runs the local mesh.
	SpinApps []map[string]any `json:"spin_apps"`
}

const inventoryFile = "workloads.json"

// writable returns an error if the folder contains files that istio-compile did not write. The check is necessary because write
// replaces the whole folder.
func writable(out string) error {
	if out == "" {
		return nil
	}
	entries, err := os.ReadDir(out)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--out %s: %w", out, err)
	}
	var found inventory
	text, err := os.ReadFile(filepath.Join(out, inventoryFile))
	if err != nil || json.Unmarshal(text, &found) != nil || found.Comment != generatedComment {
		return fmt.Errorf("--out %s: contains other files; use a folder that is new, empty, or was written by istio-compile", out)
	}
	return nil
}

// write replaces the whole folder `out`. If write fails, the previous folder stays unchanged.
func write(out string, cluster *cluster, compiled map[string]resources) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	// If `out` is a symbolic link, the folder to which it leads is replaced, and the link stays.
	if real, err := filepath.EvalSymlinks(out); err == nil {
		out = real
	}
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
	for name, proxyResources := range compiled {
		if err := proxyResources.write(filepath.Join(made, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	list := inventory{generatedComment, cluster.workloads, cluster.services(), cluster.spinApps()}
	if err := writeJSON(filepath.Join(made, inventoryFile), list); err != nil {
		return err
	}
	return replace(out, made)
}

func (r resources) write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for file, resources := range map[string][]map[string]any{
		"listeners.json": r.Listeners, "routes.json": r.Routes, "clusters.json": r.Clusters,
		"endpoints.json": r.Endpoints, "extensions.json": r.Extensions,
	} {
		if resources == nil {
			resources = []map[string]any{}
		}
		if err := writeJSON(filepath.Join(folder, file), response{generatedComment, resources}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) spinApps() []map[string]any {
	found := []map[string]any{}
	for _, manifest := range c.objects {
		if manifest.GetKind() == "SpinApp" {
			found = append(found, manifest.Object)
		}
	}
	return found
}

// writeObjects writes the file of --objects: the manifests of Istio's kinds unchanged, and all other objects as a cluster would
// store them. It runs before judge. So if judge fails, a user can find the cause of the error in this file.
func (c *cluster) writeObjects(path string) error {
	var text bytes.Buffer
	add := func(content any) error {
		document, err := yaml.Marshal(content)
		text.WriteString("---\n")
		text.Write(document)
		return err
	}
	for _, manifest := range c.objects {
		if _, known := schemaOf(manifest); known {
			if err := add(manifest.Object); err != nil {
				return err
			}
		}
	}
	for _, stored := range c.kubernetes {
		if err := add(stored.Object); err != nil {
			return err
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}

func writeJSON(path string, content any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(content); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// replace moves the folder `made` to the path `out`. If a folder was at `out` before, it is moved to the path `made`.
func replace(out, made string) error {
	err := os.Rename(made, out)
	if err == nil {
		return nil
	}
	if _, statErr := os.Stat(out); statErr != nil {
		return err
	}
	return exchange(out, made)
}
