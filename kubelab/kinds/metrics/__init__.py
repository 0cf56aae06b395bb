"""metrics.k8s.io: what metrics-server says of the usage of nodes and pods. Nothing of it is stored."""
