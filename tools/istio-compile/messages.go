package main

import (
	"errors"
	"fmt"
	"slices"
)

// messageList holds messages. Each message begins with the file and line of its manifest. A text that is added again is kept only
// once.
type messageList []string

func (f *messageList) add(at object, format string, arguments ...any) {
	f.addAt(at.location, "%s: %s", at, fmt.Sprintf(format, arguments...))
}

func (f *messageList) addAt(at location, format string, arguments ...any) {
	text := fmt.Sprintf("%s: %s", at, fmt.Sprintf(format, arguments...))
	// An error in a workload's manifest is found again in each Pod that is derived from the manifest.
	if !slices.Contains(*f, text) {
		*f = append(*f, text)
	}
}

func (f messageList) err() error {
	var all []error
	for _, message := range f {
		all = append(all, errors.New(message))
	}
	return errors.Join(all...)
}
