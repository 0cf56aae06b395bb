"""Names of images, and what the kubelet says of bad ones.

upstream: pkg/util/parsers/parsers_test.go TestParseImageName, pkg/kubelet/images/image_manager_test.go pullerTestCases, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.cri.reference import InvalidReference, invalid_image_name, parse

DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("given", "name", "tag", "digest"), [
    ("root", "docker.io/library/root", "latest", ""),
    ("root:tag", "docker.io/library/root", "tag", ""),
    (f"root@{DIGEST}", "docker.io/library/root", "", DIGEST),
    ("user/repo", "docker.io/user/repo", "latest", ""),
    ("user/repo:tag", "docker.io/user/repo", "tag", ""),
    (f"user/repo@{DIGEST}", "docker.io/user/repo", "", DIGEST),
    ("url:5000/repo", "url:5000/repo", "latest", ""),
    ("url:5000/repo:tag", "url:5000/repo", "tag", ""),
    (f"url:5000/repo@{DIGEST}", "url:5000/repo", "", DIGEST),
    (f"url:5000/repo:latest@{DIGEST}", "url:5000/repo", "latest", DIGEST),
])  # fmt: skip
def test_names_are_taken_apart(given: str, name: str, tag: str, digest: str) -> None:
    found = parse(given)
    assert (found.name, found.tag, found.digest) == (name, tag, digest)


@pytest.mark.parametrize(("given", "error"), [
    ("ROOT", "invalid reference format: repository name must be lowercase"),
    ("http://root", "invalid reference format"),
    ("FAILED_IMAGE", "invalid reference format: repository name must be lowercase"),
    ("http://url", "invalid reference format"),
    (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "invalid repository name (ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad), cannot specify 64-byte hexadecimal strings",
    ),
])  # fmt: skip
def test_bad_names_are_refused_in_upstreams_words(given: str, error: str) -> None:
    with pytest.raises(InvalidReference):
        parse(given)
    assert invalid_image_name(given) == f'Failed to apply default image tag "{given}": couldn\'t parse image name "{given}": {error}'
