package main

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// spinAppSpec has two groups of fields of a SpinApp: those that determine the SpinApp's Pods, and those that spin-operator's
// webhook can check without a cluster.
type spinAppSpec struct {
	Replicas           int32
	EnableAutoscaling  bool
	PodLabels          map[string]string
	PodAnnotations     map[string]string
	ServiceAccountName string
	Resources          corev1.ResourceRequirements
	InvocationLimits   map[string]string
	ServiceAnnotations map[string]string
}

// validate returns the errors that spin-operator's webhook would return for the SpinApp. The texts are the webhook's texts.
func (s spinAppSpec) validate() field.ErrorList {
	var errs field.ErrorList
	replicas := field.NewPath("spec", "replicas")
	if s.EnableAutoscaling && s.Replicas != 0 {
		errs = append(errs, field.Invalid(replicas, s.Replicas, "replicas cannot be set when autoscaling is enabled"))
	}
	if !s.EnableAutoscaling && s.Replicas < 1 {
		errs = append(errs, field.Invalid(replicas, s.Replicas, "replicas must be > 0"))
	}
	if memory, ok := s.InvocationLimits["memory"]; ok {
		path := field.NewPath("spec", "invocationLimits").Key("memory")
		limit, err := resource.ParseQuantity(memory)
		if err != nil {
			return append(errs, field.Invalid(path, memory, "memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)"))
		}
		kind := "limit"
		most, ok := s.Resources.Limits[corev1.ResourceMemory]
		if !ok {
			kind = "request"
			most, ok = s.Resources.Requests[corev1.ResourceMemory]
		}
		if ok && limit.Cmp(most) > 0 {
			errs = append(errs, field.Invalid(path, limit.String(),
				fmt.Sprintf("invocation limit quantity cannot be greater than the memory %s (%s)", kind, most.String())))
		}
	}
	return errs
}

// spinApp returns the Pod template of the Deployment that spin-operator 0.6.1 makes from a SpinApp. The Pods have the SpinApp's
// podLabels and spin-operator's own labels; the labels of spin-operator take precedence. The Pods have one port, with the name
// `http-app`. If spin-operator's webhook would reject the SpinApp, spinApp returns the webhook's error.
func spinApp(from object) (template, error) {
	app, err := read[struct{ Spec spinAppSpec }](from)
	if err != nil {
		return template{}, err
	}
	spec := app.Spec
	if errs := spec.validate(); len(errs) > 0 {
		return template{}, errs.ToAggregate()
	}
	replicas := &spec.Replicas
	if spec.EnableAutoscaling {
		// The autoscaler sets the number of replicas later. Until then the Deployment has the default number of replicas, 1.
		replicas = nil
	}
	ready := readyLabel(from)
	// The API server rejects a Deployment that has an invalid label key, and spin-operator would retry forever. So this is an
	// error.
	if errs := content.IsLabelKey(ready); len(errs) > 0 {
		return template{}, fmt.Errorf("metadata.name: spin-operator's label %s is invalid: %s", ready, strings.Join(errs, "; "))
	}
	var made corev1.PodTemplateSpec
	made.Labels = map[string]string{}
	maps.Copy(made.Labels, spec.PodLabels)
	made.Labels["core.spinkube.dev/app-name"] = from.GetName()
	made.Labels[ready] = "ready"
	made.Annotations = spec.PodAnnotations
	made.Spec.ServiceAccountName = spec.ServiceAccountName
	made.Spec.Containers = []corev1.Container{{Name: from.GetName(), Ports: []corev1.ContainerPort{{Name: "http-app", ContainerPort: 80}}}}
	return replicated(made, replicas)
}

// readyLabel returns the label by which spin-operator's own Service selects the Pods of a SpinApp. Its value is `ready`.
func readyLabel(from object) string { return "core.spinkube.dev/app." + from.GetName() + ".status" }

// spinAppService returns the Service that spin-operator 0.6.1 makes for a SpinApp, with the SpinApp's name. The Service's port does
// not have a name, so Istio does not know its protocol.
func spinAppService(from object) (*corev1.Service, error) {
	app, err := read[struct{ Spec spinAppSpec }](from)
	if err != nil {
		return nil, err
	}
	// Istio's analyzer would report the port without a name, but a SpinApp cannot name it.
	annotations := map[string]string{"galley.istio.io/analyze-suppress": "IST0118"}
	maps.Copy(annotations, app.Spec.ServiceAnnotations)
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name: from.GetName(), Namespace: from.GetNamespace(),
			Labels:      map[string]string{"core.spinkube.dev/app-name": from.GetName()},
			Annotations: annotations,
		},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{readyLabel(from): "ready"},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http-app")}},
		},
	}, nil
}

// isOperatorsService reports whether spinAppService made the object.
func isOperatorsService(made derived) bool {
	_, ok := made.Object.(*corev1.Service)
	return ok && kindOf(made.from) == spinAppKind
}
