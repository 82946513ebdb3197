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

// document describes one YAML document of a file: the line on which it begins, and the fields that identify the manifest in it.
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
	// If the message of an error matches this pattern, the YAML parser has counted lines from 0. If such an error is in the first
	// line, the message does not contain a line number.
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

// documents reads the YAML documents of a file, and leaves out empty documents.
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
			// The decoder does not report duplicate keys if it decodes into a yaml.Node. So the node is also decoded into a Go
			// value.
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

// documentsAt returns the manifest at a node. If the manifest is a List, it returns all manifests in the List.
func documentsAt(node *yaml.Node) []document {
	var head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name, Namespace string }
		Items      []yaml.Node
	}
	// If a document is not a manifest, Decode fails, and the kind stays empty. sources.manifests then reports the missing kind with
	// the line of the document.
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
