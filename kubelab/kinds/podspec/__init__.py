"""The pod's spec, which every workload kind carries: its defaults and its validation, a module per topic.

upstream: pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go, 1.28.
"""
