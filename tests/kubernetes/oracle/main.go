// Command oracle tells what Kubernetes' own functions make of pods and quantities.
//
// It reads JSON lines on standard input and writes one line for each. Its first argument is `pods` (each line has a
// manifest in `pod` and a node's memory in `capacityBytes`) or `quantities` (each line is any JSON value).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	v1qos "k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	kubeletqos "k8s.io/kubernetes/pkg/kubelet/qos"
	quota "k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	podregistry "k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/utils/clock"
)

type question struct {
	Pod           json.RawMessage `json:"pod"`
	CapacityBytes int64           `json:"capacityBytes"`
}

// answer has the pod level as defaulted, and what follows from it.
type answer struct {
	DecodeError    string                  `json:"decodeError,omitempty"`
	Refusals       []string                `json:"refusals,omitempty"`
	PodLevel       v1.ResourceRequirements `json:"podLevel"`
	QOSClass       string                  `json:"qosClass"`
	Requests       v1.ResourceList         `json:"requests"`
	Limits         v1.ResourceList         `json:"limits"`
	MemoryMaxBytes *int64                  `json:"memoryMaxBytes"`
	OOMScoreAdj    map[string]int          `json:"oomScoreAdj"`
	QuotaUsage     v1.ResourceList         `json:"quotaUsage"`
}

func aboutPod(line []byte) (found answer) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{DecodeError: err.Error()}
	}
	internal := &api.Pod{}
	if err := runtime.DecodeInto(legacyscheme.Codecs.UniversalDecoder(), asked.Pod, internal); err != nil {
		return answer{DecodeError: err.Error()}
	}
	ctx := context.Background()
	podregistry.Strategy.PrepareForCreate(ctx, internal)
	for _, refusal := range podregistry.Strategy.Validate(ctx, internal) {
		found.Refusals = append(found.Refusals, refusal.Error())
	}
	pod := &v1.Pod{}
	if err := legacyscheme.Scheme.Convert(internal, pod, nil); err != nil {
		return answer{DecodeError: err.Error()}
	}
	if pod.Spec.Resources != nil {
		found.PodLevel = *pod.Spec.Resources
	}
	// The class of the status is the same: held here against the kubelet's own function.
	pod.Status.QOSClass = ""
	found.QOSClass = string(v1qos.GetPodQOS(pod))
	// NOTE: PodRequests may add the overhead to the pod's own quantities: each call gets a copy.
	found.Requests = resourcehelper.PodRequests(pod.DeepCopy(), resourcehelper.PodResourcesOptions{})
	found.Limits = resourcehelper.PodLimits(pod.DeepCopy(), resourcehelper.PodResourcesOptions{})
	found.MemoryMaxBytes = cm.ResourceConfigForPod(pod.DeepCopy(), true, 100000, false, "").Memory
	found.OOMScoreAdj = map[string]int{}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			found.OOMScoreAdj[list[i].Name] = kubeletqos.GetContainerOOMScoreAdjust(pod.DeepCopy(), &list[i], asked.CapacityBytes)
		}
	}
	usage, err := quota.PodUsageFunc(pod.DeepCopy(), clock.RealClock{})
	if err != nil {
		return answer{DecodeError: err.Error()}
	}
	found.QuotaUsage = usage
	return found
}

type amount struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Value  int64  `json:"value"`
	Milli  int64  `json:"milli"`
	String string `json:"string"`
}

func aboutQuantity(line []byte) amount {
	var quantity resource.Quantity
	if err := quantity.UnmarshalJSON(line); err != nil {
		return amount{Error: err.Error()}
	}
	found := amount{OK: true, Value: quantity.Value(), Milli: quantity.MilliValue()}
	// A sum forgets the text that it was read from.
	quantity.Add(resource.Quantity{})
	found.String = quantity.String()
	return found
}

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewEncoder(out)
	for in.Scan() {
		var err error
		switch mode {
		case "pods":
			err = lines.Encode(aboutPod(in.Bytes()))
		case "quantities":
			err = lines.Encode(aboutQuantity(in.Bytes()))
		default:
			err = fmt.Errorf("usage: oracle pods|quantities < lines.json")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
