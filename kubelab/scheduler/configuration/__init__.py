"""The scheduler's configuration (KubeSchedulerConfiguration): ``read`` makes a checked one of a file, text or dict; a ``Profile`` comes of it.

``reading`` decodes strictly, ``defaults`` completes, ``validation`` and ``arguments`` refuse in upstream's words, ``points`` says which plug-ins
stand at which extension point. What ``read`` gives is plain data, and stands in the world.
"""

from kubelab.scheduler.configuration.reading import ConfigurationError, read

__all__ = ["ConfigurationError", "read"]
