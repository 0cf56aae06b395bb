"""ReplicationController: the ReplicaSet of the first release, under its own name."""

from kubelab.controllers.replicationcontroller.controller import CONTROLLER

__all__ = ["CONTROLLER"]
