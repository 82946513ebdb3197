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

// istioLog collects the messages that Istio logs during a run. Istio logs the same message for each proxy, so istioLog keeps each
// text once. No message names a manifest, so the messages are printed without a file and line.
type istioLog struct {
	zapcore.LevelEnabler
	mutex            sync.Mutex
	errors, warnings []string
	ended            bool
}

// Parts of messages to ignore. Istio logs these messages only because istio-compile runs Istio without a cluster.
var ignoredMessages = []string{
	// Istio expects a version annotation on the CRDs, and the CRDs of the fake API server do not have it.
	"gateway.networking.k8s.io expected to have a ",
	// In istio-compile the proxies have no certificates. Therefore Istio does not send a proxy the secret that contains the password
	// for a filter's image.
	"is not authorized to receive secret",
	// At the start, two of Istio's controllers create the same GatewayClass. The second controller logs that the GatewayClass
	// exists, and continues.
	`gatewayclasses.gateway.networking.k8s.io "istio`,
	// requestResources closes its connection as soon as it has the last resource. If Istio is about to send something else, gRPC logs
	// that the connection is closing.
	"grpc: Server.processRPC failed to write status: connection error",
}

// collectIstioLog redirects Istio's log from the standard error to an istioLog.
func collectIstioLog() (*istioLog, error) {
	collected := &istioLog{LevelEnabler: zapcore.WarnLevel}
	settings := istiolog.DefaultOptions()
	settings.SetDefaultOutputLevel(istiolog.OverrideScopeName, istiolog.WarnLevel)
	settings.WithExtension(func(zapcore.Core) (zapcore.Core, func() error, error) {
		return collected, func() error { return nil }, nil
	})
	if err := istiolog.Configure(settings); err != nil {
		return nil, fmt.Errorf("cannot redirect Istio's log: %w", err)
	}
	return collected, nil
}

func (l *istioLog) With([]zapcore.Field) zapcore.Core { return l }

func (l *istioLog) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(entry, l)
}

func (l *istioLog) Write(entry zapcore.Entry, _ []zapcore.Field) error {
	if slices.ContainsFunc(ignoredMessages, func(part string) bool { return strings.Contains(entry.Message, part) }) {
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

// end stops the collection of messages, because the messages that Istio logs during its shutdown do not matter.
func (l *istioLog) end() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.ended = true
}

// report prints the collected warnings, and returns an error if Istio logged errors.
func (l *istioLog) report(notes io.Writer) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	slices.Sort(l.warnings)
	slices.Sort(l.errors)
	for _, warning := range l.warnings {
		fmt.Fprintf(notes, "note: Istio logged a warning: %s\n", warning)
	}
	var errs []error
	for _, text := range l.errors {
		errs = append(errs, fmt.Errorf("Istio logged an error: %s", text))
	}
	return errors.Join(errs...)
}
