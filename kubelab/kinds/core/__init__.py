"""The core group, v1: one module per kind; the pod's spec and template are shared with the workload kinds.

upstream: pkg/apis/core, pkg/registry/core, 1.28.
"""
