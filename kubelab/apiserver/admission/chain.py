"""The admission chain: plug-ins in upstream's order, all mutations first, then all validations.

upstream: pkg/kubeapiserver/options/plugins.go, apiserver/pkg/admission/chain.go, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver.admission.api import Plugin
from kubelab.apiserver.work import Work

PLUGINS: tuple[Plugin, ...] = ()


def mutate(work: Work) -> None:
    """Let every plug-in change the draft, or refuse."""
    return None


def review(work: Work) -> None:
    """Let every plug-in refuse the final object."""
    return None
