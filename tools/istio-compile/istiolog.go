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

// istioLog collects the messages that Istio logs during a run. They name no manifest, and are repeated for each proxy.
type istioLog struct {
	zapcore.LevelEnabler
	mutex            sync.Mutex
	errors, warnings []string
	ended            bool
}

// Messages that Istio logs only because this is not a cluster.
var ofNoConcern = []string{
	// The fake API server's CRDs do not have it.
	"gateway.networking.k8s.io expected to have a ",
	// A proxy has no certificate here. It only misses the password for a filter's image.
	"is not authorized to receive secret",
	// Two of Istio's controllers create the same GatewayClass at the start. The second one finds that it exists, and continues.
	`gatewayclasses.gateway.networking.k8s.io "istio`,
}

// listen redirects Istio's log from the standard error to an istioLog.
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

// end stops the collection: messages that Istio logs during its shutdown do not matter.
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
