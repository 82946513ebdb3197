package main

import (
	"errors"
	"fmt"
	"slices"
)

// faults are all errors found, each with its place.
type faults []string

func (f *faults) add(at object, format string, arguments ...any) {
	f.say(at.place, "%s: %s", at, fmt.Sprintf(format, arguments...))
}

func (f *faults) say(at place, format string, arguments ...any) {
	text := fmt.Sprintf("%s: %s", at, fmt.Sprintf(format, arguments...))
	// A workload's fault is found again in each of its Pods.
	if !slices.Contains(*f, text) {
		*f = append(*f, text)
	}
}

func (f faults) err() error {
	var all []error
	for _, one := range f {
		all = append(all, errors.New(one))
	}
	return errors.Join(all...)
}
