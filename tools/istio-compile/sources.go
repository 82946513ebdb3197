package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// place is the line of a file that a fault names.
type place struct {
	file string
	line int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// sources are the files that manifests come from. They are read here first, because kustomize does not name the line of a fault, and
// for some faults not even the file.
type sources struct {
	// The temporary folder.
	overlay string
	files   map[string][]document
	wrong   faults
}

func (s *sources) standardInput() string { return filepath.Join(s.overlay, "stdin.yaml") }

// readAll reads files and folders, and returns their paths relative to the overlay.
func (s *sources) readAll(paths []string) ([]string, error) {
	var found []string
	for _, path := range paths {
		path, err := resolved(path)
		if err != nil {
			return nil, err
		}
		s.read(path)
		if path, err = filepath.Rel(s.overlay, path); err != nil {
			return nil, err
		}
		found = append(found, path)
	}
	return found, nil
}

// read reads a file of manifests, or a folder's kustomization and all that it names.
func (s *sources) read(path string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		s.kustomization(path)
	} else {
		s.manifests(path)
	}
}

// named reports whether the kustomization at path names an existing file or folder. It leaves addresses to kustomize.
func (s *sources) named(path, name string) bool {
	if name == "" || strings.Contains(name, "//") || strings.ContainsAny(name, ":?@") {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), name))
	if err != nil {
		s.wrong.say(place{shown(path), 0}, "there is no %s", name)
	}
	return err == nil
}

func (s *sources) kustomization(folder string) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(folder, name)
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if !s.add(path, text) {
			return
		}
		var read types.Kustomization
		if err := read.Unmarshal(text); err != nil {
			s.wrong.say(place{shown(path), 0}, "%v", err)
			return
		}
		read.FixKustomization()
		for _, inner := range append(read.Resources, read.Components...) {
			if s.named(path, inner) {
				s.read(filepath.Join(folder, inner))
			}
		}
		for i, patch := range read.Patches {
			if s.named(path, patch.Path) {
				s.patch(filepath.Join(folder, patch.Path))
			} else if _, err := documents([]byte(patch.Patch)); err != nil {
				s.wrong.say(place{shown(path), 0}, "patch %d, line %d of it: %s", i+1, err.line, err.text)
			}
		}
		return
	}
	s.wrong.say(place{shown(folder), 0}, "there is no kustomization.yaml in it")
}

func (s *sources) patch(path string) {
	if text, err := os.ReadFile(path); err != nil {
		s.wrong.say(place{shown(path), 0}, "%v", err)
	} else {
		s.add(path, text)
	}
}

func (s *sources) manifests(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		s.wrong.say(place{s.shown(path), 0}, "%v", err)
		return
	}
	if !s.add(path, text) {
		return
	}
	for _, one := range s.files[path] {
		if one.kind == "" || one.version == "" {
			s.wrong.say(place{s.shown(path), one.line}, "no manifest: apiVersion or kind is missing")
		} else if one.name == "" {
			s.wrong.say(place{s.shown(path), one.line}, "%s: metadata.name is missing", one.kind)
		}
	}
}

func (s *sources) add(path string, text []byte) bool {
	found, err := documents(text)
	if err != nil {
		s.wrong.say(place{s.shown(path), err.line}, "%s", err.text)
		return false
	}
	s.files[path] = found
	return true
}

// The annotation in which kustomize names the file of a manifest.
const origin = "config.kubernetes.io/origin"

// placeOf removes kustomize's annotation with the origin, and finds the line on which the manifest begins.
func (s *sources) placeOf(read *unstructured.Unstructured) place {
	annotations := read.GetAnnotations()
	var noted struct {
		Path         string `yaml:"path"`
		ConfiguredIn string `yaml:"configuredIn"`
	}
	// Without an annotation, the place is the given folder, without a line.
	_ = yaml.Unmarshal([]byte(annotations[origin]), &noted)
	delete(annotations, origin)
	read.SetAnnotations(annotations)
	if noted.Path == "" {
		noted.Path = noted.ConfiguredIn
	}
	path := filepath.Join(s.overlay, noted.Path)
	return place{s.shown(path), lineOf(s.files[path], read)}
}

// lineOf is the line of this manifest. If a kustomization renamed it, it is the line of the only manifest of its kind, or else 0.
func lineOf(among []document, read *unstructured.Unstructured) int {
	kinds, names, line := 0, 0, 0
	for _, one := range among {
		if one.kind != read.GetKind() {
			continue
		}
		if kinds++; one.name != read.GetName() {
			if kinds == 1 {
				line = one.line
			}
			continue
		}
		if one.namespace == read.GetNamespace() {
			return one.line
		}
		if names++; names == 1 {
			line = one.line
		}
	}
	if names == 0 && kinds != 1 {
		return 0
	}
	return line
}

// shown is a path in the form that a user would write.
func (s *sources) shown(path string) string {
	if path == s.standardInput() {
		return "(standard input)"
	}
	return shown(path)
}

func shown(path string) string {
	if here, err := os.Getwd(); err == nil {
		if here, err = filepath.EvalSymlinks(here); err == nil {
			if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
				return short
			}
		}
	}
	return path
}
