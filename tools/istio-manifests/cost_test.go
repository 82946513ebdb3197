package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// costPage is the page with the tables that the tests in this file check.
const costPage = "docs/cost.md"

// reservation is the sum of the requests of some Pods, and the sum of their memory limits. CPU is in thousandths, memory in bytes.
type reservation struct {
	pods, milliCPU, memory, memoryLimit int64
	// unlimited is true if at least one container does not have a memory limit.
	unlimited bool
}

func (r reservation) plus(other reservation) reservation {
	return reservation{
		r.pods + other.pods, r.milliCPU + other.milliCPU, r.memory + other.memory, r.memoryLimit + other.memoryLimit,
		r.unlimited || other.unlimited,
	}
}

func (r reservation) times(count int64) reservation {
	return reservation{r.pods * count, r.milliCPU * count, r.memory * count, r.memoryLimit * count, r.unlimited}
}

// cells returns the columns CPU, memory and memory limit of a table row.
func (r reservation) cells() string {
	limit := mebibytes(r.memoryLimit)
	if r.unlimited {
		limit = "none"
	}
	return fmt.Sprintf("%.2f | %s | %s", float64(r.milliCPU)/1000, mebibytes(r.memory), limit)
}

// mebibytes rounds to whole MiB, and separates thousands by a comma.
func mebibytes(bytes int64) string {
	rounded := (bytes + 1<<19) >> 20
	if rounded < 1000 {
		return fmt.Sprintf("%d MiB", rounded)
	}
	return fmt.Sprintf("%d,%03d MiB", rounded/1000, rounded%1000)
}

// container returns what one container reserves. A missing request is an error: Kubernetes would copy the limit, or reserve
// nothing.
func container(t *testing.T, name string, resources corev1.ResourceRequirements) reservation {
	t.Helper()
	cpu, hasCPU := resources.Requests[corev1.ResourceCPU]
	memory, hasMemory := resources.Requests[corev1.ResourceMemory]
	if !hasCPU || !hasMemory {
		t.Errorf("%s does not request CPU and memory", name)
	}
	limit, limited := resources.Limits[corev1.ResourceMemory]
	return reservation{0, cpu.MilliValue(), memory.Value(), limit.Value(), !limited}
}

// workload is an object that makes Pods.
type workload struct {
	kind, namespace, name string
	// replicas is the smallest number of Pods. A DaemonSet has one Pod on each node, and counts as one Pod.
	replicas int64
	pod      reservation
	sidecar  bool
}

// without returns what the Pods of the workload reserve without their sidecars.
func (w workload) without() reservation { return w.pod.times(w.replicas) }

// with returns what the Pods of the workload reserve together with their sidecars.
func (w workload) with(sidecar reservation) reservation {
	if !w.sidecar {
		return w.without()
	}
	return w.pod.plus(sidecar).times(w.replicas)
}

// workloadsOf returns all workloads in rendered manifests.
func workloadsOf(t *testing.T, rendered string) []workload {
	t.Helper()
	decode := func(document string, object any) {
		if err := yaml.Unmarshal([]byte(document), object); err != nil {
			t.Fatalf("%v, in:\n%s", err, document)
		}
	}
	var found []workload
	injected, minimum := map[string]bool{}, map[string]int64{}
	// add appends a workload. A missing number of replicas is -1 until the autoscalers are known.
	add := func(kind string, meta metav1.ObjectMeta, replicas *int64, labels map[string]string, pod reservation) {
		count := int64(-1)
		if replicas != nil {
			count = *replicas
		}
		pod.pods = 1
		found = append(found, workload{kind, meta.Namespace, meta.Name, count, pod, labels["sidecar.istio.io/inject"] != "false"})
	}
	// template returns what a Pod with this template reserves.
	template := func(name string, template corev1.PodTemplateSpec) reservation {
		if len(template.Spec.InitContainers) > 0 {
			t.Errorf("%s: this test does not count init containers", name)
		}
		var pod reservation
		for _, one := range template.Spec.Containers {
			pod = pod.plus(container(t, name+"/"+one.Name, one.Resources))
		}
		return pod
	}
	for _, document := range documents([]byte("\n" + rendered)) {
		var object metav1.PartialObjectMetadata
		decode(document, &object)
		switch object.Kind {
		case "Namespace":
			injected[object.Name] = object.Labels["istio-injection"] == "enabled"
		case "HorizontalPodAutoscaler":
			var scaler autoscalingv2.HorizontalPodAutoscaler
			decode(document, &scaler)
			if scaler.Spec.MinReplicas == nil {
				t.Fatalf("the autoscaler %s does not have minReplicas", scaler.Name)
			}
			minimum[scaler.Namespace+"/"+scaler.Spec.ScaleTargetRef.Name] = int64(*scaler.Spec.MinReplicas)
		case "SpinApp":
			var app struct {
				Metadata metav1.ObjectMeta `json:"metadata"`
				Spec     struct {
					Replicas  *int64                      `json:"replicas"`
					PodLabels map[string]string           `json:"podLabels"`
					Resources corev1.ResourceRequirements `json:"resources"`
				} `json:"spec"`
			}
			decode(document, &app)
			pod := container(t, app.Metadata.Name, app.Spec.Resources)
			add(object.Kind, app.Metadata, app.Spec.Replicas, app.Spec.PodLabels, pod)
		case "Deployment", "StatefulSet", "DaemonSet":
			var typed struct {
				Metadata metav1.ObjectMeta `json:"metadata"`
				Spec     struct {
					Replicas *int64                 `json:"replicas"`
					Template corev1.PodTemplateSpec `json:"template"`
				} `json:"spec"`
			}
			decode(document, &typed)
			if one := int64(1); object.Kind == "DaemonSet" {
				typed.Spec.Replicas = &one
			}
			pod := template(typed.Metadata.Name, typed.Spec.Template)
			add(object.Kind, typed.Metadata, typed.Spec.Replicas, typed.Spec.Template.Labels, pod)
		case "CronJob":
			var job batchv1.CronJob
			decode(document, &job)
			if job.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
				t.Errorf("%s can have several Pods at once, and the page counts one", job.Name)
			}
			one := int64(1)
			made := job.Spec.JobTemplate.Spec.Template
			add(object.Kind, job.ObjectMeta, &one, made.Labels, template(job.Name, made))
		case "Pod", "Job", "ReplicaSet", "ScaledObject":
			t.Fatalf("this test does not count a %s: %s", object.Kind, object.Name)
		}
	}
	for i := range found {
		one := &found[i]
		if count, ok := minimum[one.namespace+"/"+one.name]; ok {
			one.replicas = count
		}
		if one.replicas < 0 {
			t.Fatalf("%s %s has neither replicas nor an autoscaler", one.kind, one.name)
		}
		one.sidecar = one.sidecar && injected[one.namespace]
	}
	return found
}

// sidecarContainer returns what a sidecar reserves, from the installation of Istio.
func sidecarContainer(t *testing.T) reservation {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, mesh))
	if err != nil {
		t.Fatal(err)
	}
	var install struct {
		Spec struct {
			Values struct {
				Global struct {
					Proxy struct {
						Resources corev1.ResourceRequirements `json:"resources"`
					} `json:"proxy"`
				} `json:"global"`
			} `json:"values"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &install); err != nil {
		t.Fatal(err)
	}
	return container(t, "the sidecar", install.Spec.Values.Global.Proxy.Resources)
}

// checkTable fails unless the first table after the heading has exactly these rows.
func checkTable(t *testing.T, heading string, want []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, costPage))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s does not have the heading %q", costPage, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var found []string
	for _, line := range strings.Split(section, "\n") {
		if strings.HasPrefix(line, "|") {
			found = append(found, line)
		} else if len(found) > 0 {
			break
		}
	}
	// The first two lines are the names of the columns, and the line below them.
	if len(found) < 2 || !slices.Equal(found[2:], want) {
		t.Errorf("%s, %q: the rows should be\n%s\nbut the table is\n%s", costPage, heading, strings.Join(want, "\n"), strings.Join(found, "\n"))
	}
}

// The parts of an overlay in the order of the page. The last part, the CronJobs, is not in the sum.
const (
	services  = "services"
	thirds    = "stand-in for third parties"
	database  = "database"
	collector = "collector of traces"
	sum       = "sum"
	jobs      = "CronJobs"
)

func partOf(t *testing.T, one workload) string {
	t.Helper()
	switch {
	case one.namespace == "shop" && one.kind == "CronJob":
		return jobs
	case one.namespace == "shop" && one.kind == "SpinApp":
		return services
	case one.namespace == "partners":
		return thirds
	case one.namespace == "database":
		return database
	case one.namespace == "observability":
		return collector
	}
	t.Fatalf("%s does not have a part for %s %s/%s", costPage, one.kind, one.namespace, one.name)
	return ""
}

func TestThePageOnCostHasTheRequestsOfEachOverlay(t *testing.T) {
	sidecar := sidecarContainer(t)
	var rows []string
	for _, overlay := range []string{"kind", "aks-dev", "aks-prod"} {
		without, with := map[string]reservation{}, map[string]reservation{}
		for _, one := range workloadsOf(t, string(renderFolder(t, filepath.Join(root, "k8s/overlays", overlay)))) {
			parts := []string{partOf(t, one), sum}
			if parts[0] == jobs {
				parts = parts[:1]
			}
			for _, part := range parts {
				without[part] = without[part].plus(one.without())
				with[part] = with[part].plus(one.with(sidecar))
			}
		}
		for _, part := range []string{services, thirds, database, collector, sum, jobs} {
			if pods := without[part].pods; pods > 0 {
				rows = append(rows, fmt.Sprintf("| %s | %s | %d | %s | %s |", overlay, part, pods, without[part].cells(), with[part].cells()))
			}
		}
	}
	checkTable(t, "## The shop", rows)
}

func TestThePageOnCostHasTheRequestsOfIstio(t *testing.T) {
	outcome := run(toolsOf(t).istioctl, "manifest", "generate", "-f", filepath.Join(root, mesh))
	if outcome.code != 0 {
		t.Fatal(outcome)
	}
	rows := map[string]string{"sidecar": "| sidecar | one in each Pod of the mesh | " + sidecarContainer(t).cells() + " |"}
	for _, one := range workloadsOf(t, outcome.stdout) {
		number := fmt.Sprintf("%d Pods", one.replicas)
		if one.kind == "DaemonSet" {
			number = "one Pod on each node"
		}
		rows[one.name] = fmt.Sprintf("| %s | %s | %s |", one.name, number, one.without().cells())
	}
	want := []string{rows["sidecar"], rows["istio-ingressgateway"], rows["istiod"], rows["istio-cni-node"]}
	if len(rows) != len(want) {
		t.Errorf("the installation has other workloads than the page: %v", rows)
	}
	checkTable(t, "## Istio", want)
}

// The sums of the other shops are constants, because their manifests are not in this repository. This test checks that the page
// counts the same sidecar for all shops.
func TestThePageOnCostCountsTheSameSidecarForEachShop(t *testing.T) {
	var stoa reservation
	for _, one := range workloadsOf(t, string(renderFolder(t, filepath.Join(root, "k8s/overlays/kind")))) {
		if partOf(t, one) != jobs {
			stoa = stoa.plus(one.without())
		}
	}
	const mebibyte = 1 << 20
	var rows []string
	for _, shop := range []struct {
		name string
		sum  reservation
	}{
		{"stoa, overlay kind", stoa},
		{"Online Boutique", reservation{12, 1570, 1368 * mebibyte, 2542 * mebibyte, false}},
		{"AKS Store Demo, all in one", reservation{9, 22, 662 * mebibyte, 2640 * mebibyte, false}},
		{"AKS Store Demo, quickstart", reservation{4, 13, 379 * mebibyte, 916 * mebibyte, false}},
		{"OpenTelemetry Demo, without its observability", reservation{25, 0, 5492 * mebibyte, 5492 * mebibyte, false}},
		{"OpenTelemetry Demo", reservation{30, 1450, 8060 * mebibyte, 9060 * mebibyte, false}},
	} {
		with := shop.sum.plus(sidecarContainer(t).times(shop.sum.pods))
		rows = append(rows, fmt.Sprintf("| %s | %d | %s | %s |", shop.name, shop.sum.pods, shop.sum.cells(), with.cells()))
	}
	checkTable(t, "## Three other shops", rows)
}
