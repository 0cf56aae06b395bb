"""The eviction manager, and the collectors of dead containers and unused images.

upstream: pkg/kubelet/eviction, pkg/kubelet/images/image_gc_manager.go, pkg/kubelet/kuberuntime/kuberuntime_gc.go, 1.28.
"""
