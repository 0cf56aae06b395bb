"""StatefulSet: pods with lasting names and disks, made and unmade in order."""

from kubelab.controllers.statefulset.controller import CONTROLLER

__all__ = ["CONTROLLER"]
