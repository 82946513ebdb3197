package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// slicesOf returns the EndpointSlices of a Service that has a selector. Pods on which the Service's ports lead to the same port
// numbers are in the same slice.
func slicesOf(from derived, pods []*corev1.Pod, notes io.Writer) []*discoveryv1.EndpointSlice {
	service := from.Object.(*corev1.Service)
	if len(service.Spec.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	var made []*discoveryv1.EndpointSlice
	byPorts := map[string]*discoveryv1.EndpointSlice{}
	for _, pod := range pods {
		if pod.Namespace != service.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		ports, key := []discoveryv1.EndpointPort{}, ""
		for _, port := range service.Spec.Ports {
			number := targetOf(port, pod)
			if number == 0 {
				fmt.Fprintf(notes, "note: %s: %s: Pod %s has no port named %s\n", from.from.location, from.from, pod.Name, port.TargetPort.StrVal)
				continue
			}
			ports = append(ports, discoveryv1.EndpointPort{Name: &port.Name, Port: &number, Protocol: &port.Protocol, AppProtocol: port.AppProtocol})
			key += fmt.Sprintf("%s=%d ", port.Name, number)
		}
		slice, known := byPorts[key]
		if !known {
			slice = sliceOf(service, len(made), ports)
			byPorts[key], made = slice, append(made, slice)
		}
		slice.Endpoints = append(slice.Endpoints, endpointOf(pod))
	}
	if len(made) == 0 {
		made = append(made, sliceOf(service, 0, nil))
	}
	return made
}

func sliceOf(service *corev1.Service, number int, ports []discoveryv1.EndpointPort) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Name: service.Name + "-" + strconv.Itoa(number), Namespace: service.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: service.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       ports,
	}
}

func endpointOf(pod *corev1.Pod) discoveryv1.Endpoint {
	yes := true
	made := discoveryv1.Endpoint{
		Addresses:  []string{pod.Status.PodIP},
		Conditions: discoveryv1.EndpointConditions{Ready: &yes},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, Namespace: pod.Namespace},
	}
	if pod.Spec.NodeName != "" {
		made.NodeName = &pod.Spec.NodeName
	}
	return made
}

// targetOf returns the number of the Pod's port to which a Service's port leads. It returns 0 if targetPort is a name, and the Pod
// has no port with this name.
func targetOf(port corev1.ServicePort, pod *corev1.Pod) int32 {
	if port.TargetPort.Type == intstr.Int {
		return port.TargetPort.IntVal
	}
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		for _, named := range container.Ports {
			if named.Name == port.TargetPort.StrVal && named.Protocol == port.Protocol {
				return named.ContainerPort
			}
		}
	}
	return 0
}

// service is a Service in workloads.json. Pods that have no proxy need the entry: if such a Pod calls the Service's name, the call
// must reach one of the endpoints.
type service struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// The address of the Service. "None" for a headless Service, empty for a Service of type ExternalName.
	ClusterIP    string        `json:"cluster_ip"`
	ExternalName string        `json:"external_name,omitempty"`
	Ports        []servicePort `json:"ports"`
}

type servicePort struct {
	Name      string     `json:"name"`
	Port      int32      `json:"port"`
	Protocol  string     `json:"protocol"`
	Endpoints []endpoint `json:"endpoints"`
}

type endpoint struct {
	// The name of the endpoint's Pod. Empty if the EndpointSlice is itself a manifest, and names no Pod for this endpoint.
	Pod  string `json:"pod"`
	IP   string `json:"ip"`
	Port int32  `json:"port"`
}

// services returns all Services, sorted by namespace and name. Each Service has the endpoints of its EndpointSlices.
func (c *cluster) services() []service {
	found := []service{}
	for _, kept := range c.kubernetes {
		k8sService, ok := kept.Object.(*corev1.Service)
		if !ok {
			continue
		}
		made := service{k8sService.Namespace, k8sService.Name, k8sService.Spec.ClusterIP, k8sService.Spec.ExternalName, []servicePort{}}
		for _, port := range k8sService.Spec.Ports {
			made.Ports = append(made.Ports, servicePort{port.Name, port.Port, string(port.Protocol), c.endpoints(k8sService, port.Name)})
		}
		found = append(found, made)
	}
	slices.SortFunc(found, func(a, b service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return found
}

func (c *cluster) endpoints(k8sService *corev1.Service, port string) []endpoint {
	found := []endpoint{}
	for _, kept := range c.kubernetes {
		slice, ok := kept.Object.(*discoveryv1.EndpointSlice)
		if !ok || slice.Namespace != k8sService.Namespace || slice.Labels[discoveryv1.LabelServiceName] != k8sService.Name {
			continue
		}
		for _, listed := range slice.Ports {
			if listed.Port == nil || listed.Name == nil && port != "" || listed.Name != nil && *listed.Name != port {
				continue
			}
			for _, one := range slice.Endpoints {
				pod := ""
				if one.TargetRef != nil && one.TargetRef.Kind == "Pod" {
					pod = one.TargetRef.Name
				}
				for _, address := range one.Addresses {
					found = append(found, endpoint{pod, address, *listed.Port})
				}
			}
		}
	}
	return found
}
