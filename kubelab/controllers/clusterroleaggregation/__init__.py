"""Aggregated cluster roles: the rules of admin, edit, view and of readers' own, gathered from the roles that their selectors match.

upstream: pkg/controller/clusterroleaggregation, 1.28.
"""

from kubelab.controllers.clusterroleaggregation.controller import CONTROLLER

__all__ = ["CONTROLLER"]
