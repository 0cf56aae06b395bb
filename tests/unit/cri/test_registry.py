"""The registry table and docker's reference grammar."""

from __future__ import annotations

import pytest

from kubelab.cri.reference import InvalidReference, invalid_image_name, parse
from kubelab.cri.registry import Image, PullFailure, resolve

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "normal"),
    [
        # upstream: vendor/github.com/docker/distribution/reference/normalize.go, 1.20.2
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.14.2", "docker.io/library/nginx:1.14.2"),
        ("bitnami/etcd:3.5", "docker.io/bitnami/etcd:3.5"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:2", "localhost:5000/app:2"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}"),
        (f"quay.io/a/b__c/d-e:v1@{DIGEST}", f"quay.io/a/b__c/d-e:v1@{DIGEST}"),
        ("a--b/c.d_e", "docker.io/a--b/c.d_e:latest"),
    ],
)
def test_reference_is_normalised(image: str, normal: str) -> None:
    assert str(parse(image)) == normal


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        # upstream: vendor/github.com/docker/distribution/reference/{normalize,reference}.go, 1.20.2
        ("Nginx", "invalid reference format: repository name must be lowercase"),
        ("", "invalid reference format"),
        ("nginx:", "invalid reference format"),
        ("nginx:a b", "invalid reference format"),
        (":1", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("nginx:" + "t" * 129, "invalid reference format"),
        ("a" * 300, "repository name must not be more than 255 characters"),
        ("nginx@md5:" + "a" * 32, "unsupported digest algorithm"),
        ("nginx@sha256:" + "a" * 40, "invalid checksum digest length"),
        ("f" * 64, "invalid repository name (" + "f" * 64 + "), cannot specify 64-byte hexadecimal strings"),
        ("a" * 50_000 + "!", "invalid reference format"),
    ],
)
def test_reference_is_refused(image: str, complaint: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(image)
    assert str(caught.value) == complaint


def test_kubelet_words_an_invalid_image_name() -> None:
    # upstream: pkg/kubelet/images/image_manager.go (EnsureImageExists, applyDefaultImageTag), 1.28
    assert invalid_image_name("Foo:1") == (
        'Failed to apply default image tag "Foo:1": couldn\'t parse image name "Foo:1": '
        "invalid reference format: repository name must be lowercase"
    )
    assert invalid_image_name("foo:1") is None


@pytest.mark.parametrize(
    "image",
    [
        "nginx", "nginx:1.7.9", "nginx:1.14.2", "nginx:1.16.1", "nginx:1.25-alpine", "nginx:stable", "busybox:1.28", "busybox:1.36",
        "redis:6.0.5", "redis:7-alpine", "postgres:15.4", "mysql:5.7", "mysql:8.0", "wordpress:4.8-apache", "perl:5.34.0", "debian",
        "zookeeper:3.8", "bitnami/zookeeper:3.9.1", "confluentinc/cp-kafka:7.5.0", "bitnami/kafka:3.6", "httpd:2.4", "alpine:3.18",
        "registry.k8s.io/nginx-slim:0.8", "k8s.gcr.io/nginx-slim:0.24", "registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10",
        "k8s.gcr.io/kubernetes-zookeeper:1.0-3.4.10", "gcr.io/google-samples/xtrabackup:1.0", "gcr.io/google-samples/cassandra:v13",
        "quay.io/coreos/etcd:v3.5.9", "registry.k8s.io/etcd:3.5.1-0", "k8s.gcr.io/etcd:3.2.24", "registry.k8s.io/busybox",
        "registry.k8s.io/e2e-test-images/agnhost:2.40", "registry.k8s.io/e2e-test-images/busybox:1.29-4", "registry.k8s.io/pause:3.9",
        "quay.io/fluentd_elasticsearch/fluentd:v2.5.2", "gcr.io/google-samples/hello-app:2.0", "app:2", "example.com/team/app:v1.2.3",
    ],
)  # fmt: skip
def test_image_exists(image: str) -> None:
    found = resolve(image)
    assert isinstance(found, Image)
    assert found.size_bytes > 0
    assert found.id.startswith("sha256:")


@pytest.mark.parametrize("image", ["nginx:1.161", "nginx:1.91", "busybox:9", "redis:99", "registry.k8s.io/nginx-slim:9.9", "postgres:8"])
def test_tag_is_not_in_the_registry(image: str) -> None:
    found = resolve(image)
    full = str(parse(image))
    assert found == PullFailure(
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
    )


def test_the_same_contents_have_the_same_id() -> None:
    assert resolve("nginx") == resolve("docker.io/library/nginx:latest")
    assert resolve("nginx") != resolve("nginx:1.25")


def test_sizes_differ_by_repository_and_default_to_fifty_megabytes() -> None:
    sizes = {
        image: found.size_bytes
        for image in ("pause-none", "busybox", "confluentinc/cp-kafka:7.5.0")
        if isinstance(found := resolve(image), Image)
    }
    assert sizes["busybox"] < sizes["pause-none"] == 50_000_000 < sizes["confluentinc/cp-kafka:7.5.0"]
