"""The cluster's certificate bundle, published in every namespace.

upstream: pkg/controller/certificates/rootcacertpublisher/publisher.go, 1.28.
"""

from kubelab.controllers.rootca.controller import CONTROLLER

__all__ = ["CONTROLLER"]
