package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"
	istiolog "istio.io/istio/pkg/log"
)

// istioLog is what Istio's own log says while it works. It names no manifest, and says the same for each proxy.
type istioLog struct {
	zapcore.LevelEnabler
	mutex            sync.Mutex
	errors, warnings []string
	ended            bool
}

// What Istio says in its log for no other reason than that this is no cluster.
var ofNoConcern = []string{
	// The fake API server's own CRDs lack it.
	"gateway.networking.k8s.io expected to have a ",
	// A proxy here has no certificate. All that it does not get is the password for a filter's image.
	"is not authorized to receive secret",
	// Two of Istio's controllers make the same class of gateways at the start; who comes second sees that it is there, and goes on.
	`gatewayclasses.gateway.networking.k8s.io "istio`,
}

// listen takes Istio's log from the standard error.
func listen() (*istioLog, error) {
	said := &istioLog{LevelEnabler: zapcore.WarnLevel}
	settings := istiolog.DefaultOptions()
	settings.SetDefaultOutputLevel(istiolog.OverrideScopeName, istiolog.WarnLevel)
	settings.WithExtension(func(zapcore.Core) (zapcore.Core, func() error, error) {
		return said, func() error { return nil }, nil
	})
	if err := istiolog.Configure(settings); err != nil {
		return nil, fmt.Errorf("Istio's log: %w", err)
	}
	return said, nil
}

func (l *istioLog) With([]zapcore.Field) zapcore.Core { return l }

func (l *istioLog) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(entry, l)
}

func (l *istioLog) Write(entry zapcore.Entry, _ []zapcore.Field) error {
	if slices.ContainsFunc(ofNoConcern, func(part string) bool { return strings.Contains(entry.Message, part) }) {
		return nil
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.ended {
		return nil
	}
	into := &l.warnings
	if entry.Level >= zapcore.ErrorLevel {
		into = &l.errors
	}
	if !slices.Contains(*into, entry.Message) {
		*into = append(*into, entry.Message)
	}
	return nil
}

func (l *istioLog) Sync() error { return nil }

// end stops listening: what Istio says while it is shut down is of no concern.
func (l *istioLog) end() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.ended = true
}

// report prints the warnings, and fails if there were errors.
func (l *istioLog) report(notes io.Writer) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	slices.Sort(l.warnings)
	slices.Sort(l.errors)
	for _, warning := range l.warnings {
		fmt.Fprintf(notes, "note: Istio warns in its log: %s\n", warning)
	}
	var wrong []error
	for _, text := range l.errors {
		wrong = append(wrong, fmt.Errorf("Istio reports in its log: %s", text))
	}
	return errors.Join(wrong...)
}
