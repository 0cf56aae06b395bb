"""What every kind with a pod template needs of it: defaults and validation.

upstream: pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go (ValidatePodTemplateSpec), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.podspec.defaults import default_claim_spec, default_pod_spec, default_pod_template
from kubelab.kinds.podspec.validation import validate_pod_spec, validate_pod_template

__all__ = ["default_claim_spec", "default_pod_spec", "default_pod_template", "validate_pod_spec", "validate_pod_template"]
