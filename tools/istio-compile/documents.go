package main

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// document is one of a file's YAML documents.
type document struct {
	line                           int
	version, kind, name, namespace string
}

type syntaxError struct {
	line int
	text string
}

var (
	lineOfError = regexp.MustCompile(`line (\d+): (.*)`)
	// For these errors the YAML parser counts lines from 0, and names no line for the first one.
	countedFromZero = regexp.MustCompile(`did not find expected (<document start>|'-' indicator|key|',' or '[]}]'|node content)`)
)

func syntaxErrorOf(err error) *syntaxError {
	found := &syntaxError{0, strings.TrimPrefix(err.Error(), "yaml: ")}
	if parts := lineOfError.FindStringSubmatch(err.Error()); parts != nil {
		found.line, _ = strconv.Atoi(parts[1])
		found.text = parts[2]
	}
	if countedFromZero.MatchString(found.text) {
		found.line++
	}
	return found
}

// documents reads a file's YAML documents, without empty ones.
func documents(text []byte) ([]document, *syntaxError) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var found []document
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err == nil {
			// Only this decoding finds a duplicate key.
			var all any
			err = node.Decode(&all)
		}
		if err != nil {
			return nil, syntaxErrorOf(err)
		}
		if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
			continue
		}
		found = append(found, documentsAt(node.Content[0])...)
	}
}

// documentsAt are the manifest at a node, or the manifests of a list.
func documentsAt(node *yaml.Node) []document {
	var head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name, Namespace string }
		Items      []yaml.Node
	}
	// A document that is not a manifest has no kind; the missing kind is reported with its place.
	_ = node.Decode(&head)
	if !strings.HasSuffix(head.Kind, "List") || head.Items == nil {
		return []document{{node.Line, head.APIVersion, head.Kind, head.Metadata.Name, head.Metadata.Namespace}}
	}
	var found []document
	for i := range head.Items {
		found = append(found, documentsAt(&head.Items[i])...)
	}
	return found
}
