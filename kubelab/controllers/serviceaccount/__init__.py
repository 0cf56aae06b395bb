"""Service accounts: every active namespace has its ``default``.

upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go, 1.28.
"""

from kubelab.controllers.serviceaccount.controller import CONTROLLER

__all__ = ["CONTROLLER"]
