"""Node labels that have a successor, and the words that upstream warns with.

upstream: pkg/api/node/util.go, 1.28.
"""

SUCCESSORS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
DEPRECATED_NODE_LABELS = {
    old: f'deprecated since v1.{14 if new.startswith("kubernetes.io") else 17}; use "{new}" instead' for old, new in SUCCESSORS.items()
}
