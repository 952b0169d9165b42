package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// configuration is every file that a component inside reads, by its name in the run's folder. Each odd value has been
// measured to be needed on a small virtual machine, and is harmless elsewhere.
func configuration(dir string, s settings) map[string][]byte {
	return map[string][]byte{
		"containerd.toml":  []byte(containerdConfig(dir, s.CNI)),
		"cni/qsl.conflist": []byte(cniConfig),
		"kubelet.json":     kubeletConfig(dir),
		"proxy.json":       proxyConfig(dir),
		"Corefile":         []byte(corefile(dir)),
		"resolv.conf":      []byte("# Pods resolve names of the cluster only.\n"),
	}
}

// containerdConfig uses runc under the CRI plugin. restrict_oom_score_adj: without CAP_SYS_RESOURCE a container may
// not be given a lower score than ours, and runc would end with "can't get final child's PID from pipe".
func containerdConfig(dir, cni string) string {
	return fmt.Sprintf(`version = 2
root = %[1]q
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = %[2]q
[plugins."io.containerd.internal.v1.opt"]
  path = %[3]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[4]q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %[5]q
    conf_dir = %[6]q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`, filepath.Join(dir, "containerd"), filepath.Join(dir, "containerd.sock"), filepath.Join(dir, "opt"), pauseImage, cni, filepath.Join(dir, "cni"))
}

// cniConfig joins each pod to the node by a wire of its own. Unlike on a bridge, all traffic between pods then passes
// the node's rules, so that an answer from a Service's pod finds its way back whatever the kernel's bridge does.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "qsl",
  "plugins": [{
    "type": "ptp",
    "ipam": {
      "type": "host-local",
      "dataDir": "/run/cni-addresses",
      "ranges": [[{"subnet": "` + podCIDR + `"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// kubeletConfig is for a machine that is not the kubelet's alone: it reserves nothing, evicts nothing for a full disk,
// deletes no image, and keeps its control groups below one of the run's own.
func kubeletConfig(dir string) []byte {
	pki := func(name string) string { return filepath.Join(dir, "pki", name) }
	return document(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address":            nodeAddress,
		"healthzBindAddress": "127.0.0.1",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": pki("ca.crt")},
		},
		"authorization":                   map[string]any{"mode": "Webhook"},
		"tlsCertFile":                     pki("kubelet.crt"),
		"tlsPrivateKeyFile":               pki("kubelet.key"),
		"clusterDomain":                   "cluster.local",
		"clusterDNS":                      []string{dnsService},
		"resolvConf":                      filepath.Join(dir, "resolv.conf"),
		"containerRuntimeEndpoint":        "unix://" + filepath.Join(dir, "containerd.sock"),
		"cgroupDriver":                    "cgroupfs",
		"cgroupRoot":                      "/" + cgroupName(dir),
		"failCgroupV1":                    false,
		"failSwapOn":                      false,
		"localStorageCapacityIsolation":   false,
		"enforceNodeAllocatable":          []string{},
		"oomScoreAdj":                     0,
		"evictionHard":                    map[string]string{"memory.available": "64Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
		"imageGCHighThresholdPercent":     100,
		"serializeImagePulls":             false,
		"syncFrequency":                   "10s",
		"volumePluginDir":                 filepath.Join(dir, "volume-plugins"),
		"podLogsDir":                      filepath.Join(dir, "pods"),
		"nodeStatusUpdateFrequency":       "5s",
		"shutdownGracePeriod":             "0s",
		"shutdownGracePeriodCriticalPods": "0s",
	})
}

// proxyConfig leaves the host's connection-tracking limits alone.
func proxyConfig(dir string) []byte {
	return document(map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode":               "nftables",
		"clusterCIDR":        podCIDR,
		"hostnameOverride":   nodeName,
		"clientConnection":   map[string]any{"kubeconfig": filepath.Join(dir, "proxy.kubeconfig")},
		"conntrack":          map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
		"nftables":           map[string]any{"minSyncPeriod": "100ms"},
		"oomScoreAdj":        0,
		"bindAddress":        nodeAddress,
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
	})
}

// corefile serves the cluster's names and no others.
func corefile(dir string) string {
	return fmt.Sprintf(`.:53 {
    errors
    ready 127.0.0.1:8181
    cache 5
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
    }
}
`, filepath.Join(dir, "coredns.kubeconfig"))
}

// object is something the API server must hold before pods are of use.
type object struct{ path, body string }

// bootstrapObjects are CoreDNS' rights and the Service by which pods reach it.
func bootstrapObjects() []object {
	const (
		rbac    = "/apis/rbac.authorization.k8s.io/v1/"
		rbacAPI = "rbac.authorization.k8s.io/v1"
	)
	ports := []any{
		map[string]any{"name": "dns", "port": 53, "protocol": "UDP"},
		map[string]any{"name": "dns-tcp", "port": 53, "protocol": "TCP"},
	}
	rule := func(group string, resources ...string) map[string]any {
		return map[string]any{"apiGroups": []string{group}, "resources": resources, "verbs": []string{"list", "watch"}}
	}
	role := "system:coredns"
	return []object{
		{rbac + "clusterroles", string(document(map[string]any{
			"apiVersion": rbacAPI, "kind": "ClusterRole", "metadata": map[string]any{"name": role},
			"rules": []any{rule("", "services", "pods", "namespaces", "endpoints"), rule("discovery.k8s.io", "endpointslices")},
		}))},
		{rbac + "clusterrolebindings", string(document(map[string]any{
			"apiVersion": rbacAPI, "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": role},
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}},
		}))},
		{"/api/v1/namespaces/kube-system/services", string(document(map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "kube-dns"},
			"spec": map[string]any{"clusterIP": dnsService, "ports": ports},
		}))},
		{"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", string(document(map[string]any{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
			"metadata":  map[string]any{"name": "kube-dns", "labels": map[string]string{"kubernetes.io/service-name": "kube-dns"}},
			"endpoints": []any{map[string]any{"addresses": []string{nodeAddress}}},
			"ports":     ports,
		}))},
	}
}

// document is indented JSON, which every component takes for YAML.
func document(value map[string]any) []byte {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err) // Maps of plain values always encode.
	}
	return content
}
