"""ReplicaSet: a number of pods of one template, whichever they are."""

from kubelab.controllers.replicaset.controller import CONTROLLER

__all__ = ["CONTROLLER"]
