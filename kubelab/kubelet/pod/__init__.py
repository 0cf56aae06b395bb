"""A pod on its node: what its worker sees, how it is brought up, watched, reported and ended.

upstream: pkg/kubelet/{pod_workers,kubelet_pods}.go, pkg/kubelet/{kuberuntime,status,prober,images,lifecycle}, 1.28.
"""
