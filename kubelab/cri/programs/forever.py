"""The default: an image that no program claims runs for ever and is ready at once."""

from __future__ import annotations

from kubelab.cri.programs.base import Base


class Forever(Base):
    """Claims everything."""

    name = "forever"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return True
