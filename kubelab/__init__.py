"""kubelab: a Kubernetes control plane inside a notebook."""
