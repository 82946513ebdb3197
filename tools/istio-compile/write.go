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

// The comment at the start of every file.
const generated = "Written by istio-compile. Do not edit: change the manifests, and compile again."

// response is one file: the resources of one kind that Istio sends, in the form of Envoy's DiscoveryResponse.
type response struct {
	Comment   string           `json:"//"`
	Resources []map[string]any `json:"resources"`
}

// inventory is workloads.json.
type inventory struct {
	Comment   string     `json:"//"`
	Workloads []workload `json:"workloads"`
	Services  []service  `json:"services"`
	// As rendered, for the program that runs them.
	SpinApps []map[string]any `json:"spin_apps"`
}

const inventoryFile = "workloads.json"

// writable rejects a folder that this program did not write.
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
	if err != nil || json.Unmarshal(text, &found) != nil || found.Comment != generated {
		return fmt.Errorf("--out %s: something else is in it: name a folder that is new, empty, or was written by istio-compile", out)
	}
	return nil
}

// write replaces the whole folder. If it fails, the old folder stays unchanged.
func write(out string, cluster *cluster, compiled map[string]resources) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	// The target of a symbolic link is replaced, not the link.
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
	for name, of := range compiled {
		if err := of.write(filepath.Join(made, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	list := inventory{generated, cluster.workloads, cluster.services(), cluster.spinApps()}
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
		if err := writeJSON(filepath.Join(folder, file), response{generated, resources}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) spinApps() []map[string]any {
	found := []map[string]any{}
	for _, of := range c.objects {
		if of.GetKind() == "SpinApp" {
			found = append(found, of.Object)
		}
	}
	return found
}

// writeObjects writes Istio's manifests unchanged, and for the others the objects that the cluster would hold. It runs before they are
// judged, so that a user can look up the reason for a judgement.
func (c *cluster) writeObjects(path string) error {
	var text bytes.Buffer
	add := func(of any) error {
		one, err := yaml.Marshal(of)
		text.WriteString("---\n")
		text.Write(one)
		return err
	}
	for _, of := range c.objects {
		if _, known := schemaOf(of); known {
			if err := add(of.Object); err != nil {
				return err
			}
		}
	}
	for _, of := range c.kubernetes {
		if err := add(of.Object); err != nil {
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

// replace moves the folder made to out. The previous folder at out, if any, is then at made.
func replace(out, made string) error {
	err := os.Rename(made, out)
	if err == nil {
		return nil
	}
	if _, there := os.Stat(out); there != nil {
		return err
	}
	return exchange(out, made)
}
