"""The container runtime interface: a simulated runtime, the programs that containers run, a small shell, an image registry.

Upstream: staging/src/k8s.io/cri-api (the interface), containerd (the behaviour). Everything here is a pure function over
immutable values or a table of them, so that a world with running containers can be forked and saved.
"""
