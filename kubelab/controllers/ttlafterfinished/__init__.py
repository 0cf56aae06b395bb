"""Finished jobs go when their time to live is over.

upstream: pkg/controller/ttlafterfinished, 1.28.
"""

from kubelab.controllers.ttlafterfinished.controller import CONTROLLER

__all__ = ["CONTROLLER"]
