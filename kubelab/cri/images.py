"""ImageService of the simulated runtime: images present on a node, under their tags and digests.

Upstream: containerd internal/cri/server/images; cri-tools pkg/validate/image.go (several tags of one image are one image,
removal by one tag removes all, an unknown image is no error).
"""

from __future__ import annotations

from dataclasses import replace

from kubelab.cri.api import CriError, ImageRecord
from kubelab.cri.reference import InvalidReference, parse
from kubelab.cri.registry import PullFailure, resolve


class ImageService:
    """Pull, look up and remove images over two tables: `images` (id → record) and `image_refs` (reference → id)."""

    _images: dict[str, ImageRecord]
    _refs: dict[str, str]
    _operations: dict[str, int]

    def pull_image(self, image: str, now_ns: int) -> str:
        """PullImage: answers the image's id; CriError in the registry's words if it cannot be pulled."""
        self._operations["pull_image"] = self._operations.get("pull_image", 0) + 1
        found = resolve(image)
        if isinstance(found, PullFailure):
            code = "NotFound" if not found.invalid else "InvalidArgument"
            raise CriError(code, found.message)
        by_digest = "@" in found.name
        tags = () if by_digest else (found.name,)
        known = self._images.get(found.id)
        if known is None:
            self._images[found.id] = ImageRecord(found.id, tags, (found.repo_digest,), found.size_bytes)
        elif tags and tags[0] not in known.tags:
            self._images[found.id] = replace(known, tags=known.tags + tags)
        for name in (found.name, found.repo_digest, found.id, image):
            self._refs[name] = found.id
        return found.id

    def image_status(self, image: str) -> ImageRecord | None:
        """ImageStatus by id, tag or digest; None if it is not on the node."""
        found = self._refs.get(image)
        if found is None:
            try:
                found = self._refs.get(str(parse(image)))
            except InvalidReference:
                return None
        return None if found is None else self._images[found]

    def list_images(self) -> list[ImageRecord]:
        """ListImages."""
        return list(self._images.values())

    def remove_image(self, image: str) -> None:
        """RemoveImage: by any of its names, all names go; unknown: success."""
        self._operations["remove_image"] = self._operations.get("remove_image", 0) + 1
        record = self.image_status(image)
        if record is None:
            return
        del self._images[record.id]
        for name in [name for name, target in self._refs.items() if target == record.id]:
            del self._refs[name]

    def _image_ref(self, image: str) -> str:
        found = self._refs.get(image)
        if found is not None:
            return found
        record = self.image_status(image)
        if record is None:
            raise CriError("NotFound", f'failed to resolve image "{image}": not found')
        return record.id
