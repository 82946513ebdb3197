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

// location is a file and a line in this file. The line is 0 if it is unknown. Error messages begin with a location.
type location struct {
	file string
	line int
}

func (p location) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// sources holds the files from which manifests come. istio-compile reads these files before kustomize does, because the errors of
// kustomize do not name the line, and sometimes not even the file.
type sources struct {
	// The path of a temporary folder. It contains the kustomization that combines all inputs.
	overlay string
	files   map[string][]document
	errs    messageList
}

func (s *sources) standardInput() string { return filepath.Join(s.overlay, "stdin.yaml") }

// readAll reads files and folders, and returns their paths relative to the temporary folder `overlay`.
func (s *sources) readAll(paths []string) ([]string, error) {
	var found []string
	for _, path := range paths {
		path, err := resolvePath(path)
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

// read reads a path. If the path is a folder, it reads the folder's kustomization and all files that the kustomization names.
// Otherwise the path is a file of manifests.
func (s *sources) read(path string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		s.kustomization(path)
	} else {
		s.manifests(path)
	}
}

// namesExisting reports whether `name`, an entry of the kustomization at `path`, is an existing file or folder. If there is no such
// file or folder, namesExisting adds an error. For a remote address it returns false and adds no error, because kustomize itself
// checks the address.
func (s *sources) namesExisting(path, name string) bool {
	if name == "" || strings.Contains(name, "//") || strings.ContainsAny(name, ":?@") {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), name))
	if err != nil {
		s.errs.addAt(location{displayPath(path), 0}, "%s does not exist", name)
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
			s.errs.addAt(location{displayPath(path), 0}, "%v", err)
			return
		}
		read.FixKustomization()
		for _, inner := range append(read.Resources, read.Components...) {
			if s.namesExisting(path, inner) {
				s.read(filepath.Join(folder, inner))
			}
		}
		for i, patch := range read.Patches {
			if s.namesExisting(path, patch.Path) {
				s.patch(filepath.Join(folder, patch.Path))
			} else if _, err := documents([]byte(patch.Patch)); err != nil {
				s.errs.addAt(location{displayPath(path), 0}, "patch %d: line %d of the patch: %s", i+1, err.line, err.text)
			}
		}
		return
	}
	s.errs.addAt(location{displayPath(folder), 0}, "this folder does not contain a kustomization.yaml")
}

func (s *sources) patch(path string) {
	if text, err := os.ReadFile(path); err != nil {
		s.errs.addAt(location{displayPath(path), 0}, "%v", err)
	} else {
		s.add(path, text)
	}
}

func (s *sources) manifests(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		s.errs.addAt(location{s.displayPath(path), 0}, "%v", err)
		return
	}
	if !s.add(path, text) {
		return
	}
	for _, document := range s.files[path] {
		if document.kind == "" || document.version == "" {
			s.errs.addAt(location{s.displayPath(path), document.line}, "not a manifest: apiVersion or kind is missing")
		} else if document.name == "" {
			s.errs.addAt(location{s.displayPath(path), document.line}, "%s: metadata.name is missing", document.kind)
		}
	}
}

func (s *sources) add(path string, text []byte) bool {
	found, err := documents(text)
	if err != nil {
		s.errs.addAt(location{s.displayPath(path), err.line}, "%s", err.text)
		return false
	}
	s.files[path] = found
	return true
}

// The annotation in which kustomize stores the path of the file from which a manifest comes.
const originAnnotation = "config.kubernetes.io/origin"

// locationOf returns the file from which a manifest comes, and the line on which it begins. It removes originAnnotation from the
// manifest.
func (s *sources) locationOf(read *unstructured.Unstructured) location {
	annotations := read.GetAnnotations()
	var noted struct {
		Path         string `yaml:"path"`
		ConfiguredIn string `yaml:"configuredIn"`
	}
	// If the annotation is missing, the location is the overlay folder, and the line is unknown.
	_ = yaml.Unmarshal([]byte(annotations[originAnnotation]), &noted)
	delete(annotations, originAnnotation)
	read.SetAnnotations(annotations)
	if noted.Path == "" {
		noted.Path = noted.ConfiguredIn
	}
	path := filepath.Join(s.overlay, noted.Path)
	return location{s.displayPath(path), lineOf(s.files[path], read)}
}

// lineOf returns the line on which a manifest begins in its file. The parameter `among` holds the documents of this file. If a
// kustomization renamed the manifest, no document has its name. Then lineOf returns the line of the only document of the same kind,
// or 0 if the file has several documents of this kind.
func lineOf(among []document, read *unstructured.Unstructured) int {
	kinds, names, line := 0, 0, 0
	for _, document := range among {
		if document.kind != read.GetKind() {
			continue
		}
		if kinds++; document.name != read.GetName() {
			if kinds == 1 {
				line = document.line
			}
			continue
		}
		if document.namespace == read.GetNamespace() {
			return document.line
		}
		if names++; names == 1 {
			line = document.line
		}
	}
	if names == 0 && kinds != 1 {
		return 0
	}
	return line
}

// displayPath returns a path as messages show it: relative to the current folder if that is shorter.
func (s *sources) displayPath(path string) string {
	if path == s.standardInput() {
		return "(standard input)"
	}
	return displayPath(path)
}

func displayPath(path string) string {
	if here, err := os.Getwd(); err == nil {
		if here, err = filepath.EvalSymlinks(here); err == nil {
			if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
				return short
			}
		}
	}
	return path
}
