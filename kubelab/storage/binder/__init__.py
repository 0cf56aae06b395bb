"""The persistent volume binder: claims find their volumes, volumes are released and reclaimed.

upstream: pkg/controller/volume/persistentvolume, 1.28.
"""

from kubelab.storage.binder.controller import CONTROLLER

__all__ = ["CONTROLLER"]
