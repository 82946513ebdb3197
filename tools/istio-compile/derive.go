package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
)

// cluster is what the manifests would make of a cluster.
type cluster struct {
	// All manifests, Istio's among them.
	objects []object
	// What Kubernetes itself stores, derived Pods and EndpointSlices included.
	kubernetes []derived
	// The Pods that have a proxy, sorted by namespace and name.
	workloads []workload
}

// derived is a Kubernetes object, and the manifest that led to it.
type derived struct {
	runtime.Object
	from object
}

// workload is a Pod with a proxy. It is written to workloads.json.
type workload struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// The name of the Deployment, StatefulSet or SpinApp.
	Owner          string            `json:"owner"`
	Kind           string            `json:"kind"`
	ServiceAccount string            `json:"service_account"`
	IP             string            `json:"ip"`
	Labels         map[string]string `json:"labels"`
	// Whether it is a gateway, and no sidecar.
	Gateway bool `json:"gateway,omitempty"`
	// Whether the proxy gets its traffic without iptables (sidecar.istio.io/interceptionMode).
	interception string
	locality     string
}

// template is what a workload's manifest says about its Pods.
type template struct {
	labels, annotations map[string]string
	serviceAccount      string
	replicas            int
	ports               []corev1.ContainerPort
}

const (
	spinAppGroup    = "core.spinkube.dev"
	certificates    = "cert-manager.io"
	injectLabel     = "sidecar.istio.io/inject"
	templates       = "inject.istio.io/templates"
	interception    = "sidecar.istio.io/interceptionMode"
	canonicalName   = "service.istio.io/canonical-name"
	canonicalLevel  = "service.istio.io/canonical-revision"
	tlsMode         = "security.istio.io/tlsMode"
	replicasAtMost  = 100
	podNetwork      = "10.244"
	serviceNetwork  = "10.96"
)

func isIstio(of object) bool {
	_, known := schemaOf(of)
	return known
}

// derive makes the Pods, EndpointSlices, Secrets and Nodes that a cluster would make of the manifests.
func derive(objects []object, zones []string) (*cluster, error) {
	var wrong faults
	made := &cluster{objects: objects}
	injected := injectedNamespaces(objects)
	addresses := addresses{}
	var pods []*corev1.Pod
	for _, from := range objects {
		if isIstio(from) {
			continue
		}
		switch key := from.GroupVersionKind().Group + "/" + from.GetKind(); key {
		case "/Namespace", "/ServiceAccount", "/Secret", "/EndpointSlice", "discovery.k8s.io/EndpointSlice", "/Node":
			made.keep(from, &wrong)
		case "/Service":
			if service, ok := made.keep(from, &wrong).(*corev1.Service); ok {
				complete(service, addresses)
			}
		case "/Pod", "apps/Deployment", "apps/StatefulSet", spinAppGroup + "/SpinApp":
			read, err := templateOf(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			for replica := range read.replicas {
				zone := ""
				if len(zones) > 0 {
					zone = zones[replica%len(zones)]
				}
				pod := podOf(from, read, replica, zone, injected, addresses)
				pods = append(pods, pod)
				made.kubernetes = append(made.kubernetes, derived{pod, from})
				if pod.Labels[tlsMode] != "" {
					made.workloads = append(made.workloads, workloadOf(from, pod, zone))
				}
			}
		case certificates + "/Certificate":
			secret, err := secretOf(from)
			if err != nil {
				wrong.add(from, "%v", err)
				continue
			}
			made.kubernetes = append(made.kubernetes, derived{secret, from})
		}
	}
	for _, zone := range zones {
		made.kubernetes = append(made.kubernetes, derived{nodeOf(zone), object{}})
	}
	for _, service := range slices.Clone(made.kubernetes) {
		if service, from := service.Object, service.from; service != nil {
			if service, ok := service.(*corev1.Service); ok && len(service.Spec.Selector) > 0 {
				made.kubernetes = append(made.kubernetes, derived{slice(service, pods), from})
			}
		}
	}
	slices.SortFunc(made.workloads, func(a, b workload) int {
		return strings.Compare(a.Namespace+"/"+a.Pod, b.Namespace+"/"+b.Pod)
	})
	return made, wrong.err()
}

// complete fills in what an API server would.
func complete(service *corev1.Service, addresses addresses) {
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
	}
	if service.Spec.ClusterIP == "" && service.Spec.Type != corev1.ServiceTypeExternalName {
		service.Spec.ClusterIP = addresses.next(serviceNetwork, service.Namespace+"/"+service.Name)
		service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
	}
}

// keep adds a manifest that Kubernetes stores as it is.
func (c *cluster) keep(from object, wrong *faults) runtime.Object {
	text, err := from.MarshalJSON()
	if err != nil {
		wrong.add(from, "%v", err)
		return nil
	}
	read, err := decode(text)
	if err != nil {
		wrong.add(from, "%v", err)
		return nil
	}
	if namespaced, ok := read.(metav1.Object); ok {
		if namespaced.GetNamespace() == "" && from.GetKind() != "Namespace" && from.GetKind() != "Node" {
			namespaced.SetNamespace(metav1.NamespaceDefault)
		}
	}
	c.kubernetes = append(c.kubernetes, derived{read, from})
	return read
}

// injectedNamespaces are those whose Pods get a sidecar.
func injectedNamespaces(objects []object) map[string]bool {
	found := map[string]bool{}
	for _, from := range objects {
		if from.GetKind() == "Namespace" {
			labels := from.GetLabels()
			found[from.GetName()] = labels["istio-injection"] == "enabled" || labels["istio.io/rev"] != "" && labels["istio-injection"] == ""
		}
	}
	return found
}

func templateOf(from object) (template, error) {
	switch from.GetKind() {
	case "SpinApp":
		return spinApp(from)
	case "Pod":
		pod, err := read[corev1.Pod](from)
		return template{pod.Labels, pod.Annotations, pod.Spec.ServiceAccountName, 1, ports(pod.Spec)}, err
	}
	controller, err := read[struct {
		Spec struct {
			Replicas *int
			Template corev1.PodTemplateSpec
		}
	}](from)
	if err != nil {
		return template{}, err
	}
	pod, replicas := controller.Spec.Template, 1
	if controller.Spec.Replicas != nil {
		replicas = *controller.Spec.Replicas
	}
	return template{pod.Labels, pod.Annotations, pod.Spec.ServiceAccountName, replicas, ports(pod.Spec)}, counted(replicas)
}

// spinApp is what spin-operator makes of a SpinApp: its own labels beside those asked for, and one port, `http-app`.
func spinApp(from object) (template, error) {
	app, err := read[struct {
		Spec struct {
			Replicas           *int
			EnableAutoscaling  bool
			PodLabels          map[string]string
			PodAnnotations     map[string]string
			ServiceAccountName string
		}
	}](from)
	if err != nil {
		return template{}, err
	}
	replicas := 1
	if app.Spec.Replicas != nil {
		replicas = *app.Spec.Replicas
	}
	labels := map[string]string{
		spinAppGroup + "/app-name":                            from.GetName(),
		spinAppGroup + "/app." + from.GetName() + ".status": "ready",
	}
	maps.Copy(labels, app.Spec.PodLabels)
	port := corev1.ContainerPort{Name: "http-app", ContainerPort: 80}
	return template{labels, app.Spec.PodAnnotations, app.Spec.ServiceAccountName, replicas, []corev1.ContainerPort{port}}, counted(replicas)
}

func counted(replicas int) error {
	if replicas < 0 || replicas > replicasAtMost {
		return fmt.Errorf("spec.replicas is %d: expected 0 to %d", replicas, replicasAtMost)
	}
	return nil
}

func read[T any](from object) (T, error) {
	var into T
	text, err := from.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &into)
	}
	return into, err
}

func ports(of corev1.PodSpec) []corev1.ContainerPort {
	var found []corev1.ContainerPort
	for _, container := range of.Containers {
		found = append(found, container.Ports...)
	}
	return found
}

func podOf(from object, of template, replica int, zone string, injected map[string]bool, addresses addresses) *corev1.Pod {
	name := from.GetName()
	if from.GetKind() != "Pod" {
		name += "-" + strconv.Itoa(replica)
	}
	namespace := from.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	account := of.serviceAccount
	if account == "" {
		account = "default"
	}
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: maps.Clone(of.labels), Annotations: maps.Clone(of.annotations)},
		Spec: corev1.PodSpec{
			ServiceAccountName: account,
			Containers:         []corev1.Container{{Name: "app", Image: "app", Ports: of.ports}},
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	if zone != "" {
		pod.Spec.NodeName = nodeName(zone)
	}
	if from.GetKind() != "Pod" {
		yes := true
		group, version, _ := strings.Cut(from.GetAPIVersion(), "/")
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: group + "/" + version, Kind: from.GetKind(), Name: from.GetName(), Controller: &yes}}
	}
	pod.Status.PodIP = addresses.next(podNetwork, namespace+"/"+name)
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	inject, said := pod.Labels[injectLabel]
	if !said {
		inject, said = pod.Annotations[injectLabel]
	}
	if inject == "true" || !said && injected[namespace] {
		beInjected(pod, from)
	}
	return pod
}

// beInjected does what Istio's injector does to a Pod, as far as the control plane cares.
func beInjected(pod *corev1.Pod, from object) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	first := func(labels ...string) string {
		for _, label := range labels {
			if value := pod.Labels[label]; value != "" {
				return value
			}
		}
		return ""
	}
	name := first(canonicalName, "app.kubernetes.io/name", "app")
	if name == "" {
		name = from.GetName()
	}
	level := first(canonicalLevel, "app.kubernetes.io/version", "version")
	if level == "" {
		level = "latest"
	}
	pod.Labels[canonicalName], pod.Labels[canonicalLevel], pod.Labels[tlsMode] = name, level, "istio"
	pod.Annotations["sidecar.istio.io/status"] = "{}"
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "istio-proxy", Image: "proxyv2"})
}

func workloadOf(from object, pod *corev1.Pod, zone string) workload {
	return workload{
		Namespace:      pod.Namespace,
		Pod:            pod.Name,
		Owner:          from.GetName(),
		Kind:           from.GetKind(),
		ServiceAccount: pod.Spec.ServiceAccountName,
		IP:             pod.Status.PodIP,
		Labels:         pod.Labels,
		Gateway:        pod.Annotations[templates] == "gateway",
		interception:   pod.Annotations[interception],
		locality:       zone,
	}
}

func nodeName(zone string) string { return "node-" + strings.ReplaceAll(zone, "/", "-") }

func nodeOf(zone string) *corev1.Node {
	region, name, _ := strings.Cut(zone, "/")
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(zone), Labels: map[string]string{
			corev1.LabelTopologyRegion: region,
			corev1.LabelTopologyZone:   name,
		}},
	}
}

// slice is the EndpointSlice of a Service with a selector.
func slice(service *corev1.Service, pods []*corev1.Pod) *discoveryv1.EndpointSlice {
	yes := true
	made := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Name: service.Name, Namespace: service.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: service.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	var first *corev1.Pod
	for _, pod := range pods {
		if pod.Namespace != service.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if first == nil {
			first = pod
		}
		endpoint := discoveryv1.Endpoint{
			Addresses:  []string{pod.Status.PodIP},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, Namespace: pod.Namespace},
		}
		if pod.Spec.NodeName != "" {
			endpoint.NodeName = &pod.Spec.NodeName
		}
		made.Endpoints = append(made.Endpoints, endpoint)
	}
	for _, port := range service.Spec.Ports {
		number, protocol, name := targetOf(port, first), port.Protocol, port.Name
		made.Ports = append(made.Ports, discoveryv1.EndpointPort{Name: &name, Port: &number, Protocol: &protocol, AppProtocol: port.AppProtocol})
	}
	return made
}

func targetOf(port corev1.ServicePort, pod *corev1.Pod) int32 {
	if port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal != 0 {
		return port.TargetPort.IntVal
	}
	if port.TargetPort.Type == intstr.String && pod != nil {
		for _, container := range pod.Spec.Containers {
			for _, named := range container.Ports {
				if named.Name == port.TargetPort.StrVal {
					return named.ContainerPort
				}
			}
		}
	}
	return port.Port
}

// addresses gives each name an address of its own that depends on the name alone, unless two names collide: a workload
// that comes or goes leaves the others where they are.
type addresses map[string]bool

func (a addresses) next(network, name string) string {
	for attempt := 0; ; attempt++ {
		sum := sha256.Sum256([]byte(name + strings.Repeat("+", attempt)))
		number := binary.BigEndian.Uint16(sum[:2])
		address := fmt.Sprintf("%s.%d.%d", network, number>>8, number&0xff)
		if low := number & 0xff; low != 0 && low != 255 && !a[address] {
			a[address] = true
			return address
		}
	}
}

// versioned gives a manifest the resource version and age that a cluster would: the same for the same content, or what Istio
// makes of it would change from run to run.
func versioned(meta *config.Meta, content any) {
	text, _ := json.Marshal(content)
	sum := sha256.Sum256(text)
	meta.ResourceVersion = hex.EncodeToString(sum[:8])
	meta.CreationTimestamp = epoch.Time
}

func schemaOf(of object) (gvk config.GroupVersionKind, known bool) {
	kind := of.GroupVersionKind()
	gvk = config.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
	schema, known := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(gvk)
	if known {
		gvk = schema.GroupVersionKind()
	}
	return gvk, known
}
