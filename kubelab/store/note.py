"""What the audit keeps of a call beside its record: enough to make its events later, when somebody looks.

upstream: staging/src/k8s.io/apiserver/pkg/audit/context.go (AuditContext), 1.28; spec/audit.md A2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.world.codec import value


@value
class Treatment(NamedTuple):
    """What the policy decided for a call: its level, the stages of which there are events, and whether managedFields are left out of bodies.

    ``rule`` is the index of the rule that decided; ``panics``: there is an event if the server breaks down over the call. One value is shared
    by all calls of the same kind."""

    level: str
    stages: tuple[str, ...]
    omit_managed_fields: bool
    rule: int
    panics: bool = True


@value
class AuditDoor(NamedTuple):
    """What came with the request itself: the user it is impersonated for, ``Audit-ID``, addresses, ``Accept``; of calls that did not come as
    HTTP the API version and the query that a client would have sent."""

    impersonated: Any = None  # request.User
    audit_id: str = ""
    source_ips: tuple[str, ...] = ()
    accept: str = ""
    version: str = ""
    query: str = ""


@value
class AuditNote(NamedTuple):
    """``user`` is who was authenticated (None: nobody). ``decision`` is the authorizer's, "" if it was not asked. ``about`` is what the body
    says of its object: name, namespace, uid, resourceVersion. ``request`` is the body or patch; ``response`` the answer, or the number of the
    revision whose object it is; both shared with the log, None where the level or the call has none."""

    treatment: Treatment
    user: Any  # request.User
    decision: str = ""
    reason: str = ""
    about: tuple[str, str, str, str] | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    request: Any = None
    response: Any = None
    door: AuditDoor | None = None
