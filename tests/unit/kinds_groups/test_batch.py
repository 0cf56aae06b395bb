"""batch/v1: rows of pkg/apis/batch/validation/validation_test.go and pkg/registry/batch/*/strategy_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds.batch import cron
from tests.unit.kinds_groups.builders import (
    NOW_NS,
    UID,
    agree,
    context,
    create_errors,
    cron_job,
    job,
    kind_of,
    merged,
    prepared,
    status_errors,
    update_errors,
)

ON = {"JobBackoffLimitPerIndex": True, "JobPodReplacementPolicy": True}
INDEXED = {"completionMode": "Indexed", "completions": 2, "parallelism": 2}
HIGH = {"completionMode": "Indexed", "completions": 200_000, "parallelism": 500, "backoffLimitPerIndex": 1, "maxFailedIndexes": 500}


def policy(*rules):
    return {"podFailurePolicy": {"rules": list(rules)}}


def exits(action="FailJob", **codes):
    return {"action": action, "onExitCodes": {"operator": "In", "values": [1], **codes}}


def condition(**pattern):
    return {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True", **pattern}]}


RULE = "spec.podFailurePolicy.rules[0]"

# upstream: TestValidateJob
JOBS = [
    ("plain", job(), []),
    ("valid pod failure policy", job(**policy(exits(), condition())), []),
    ("valid FailIndex", job(**INDEXED, backoffLimitPerIndex=1, **policy(exits("FailIndex"))), []),
    ("valid Indexed completion mode", job(**INDEXED), []),
    ("valid parallelism for high completions", job(**HIGH), []),
    (
        "neither",
        job(**policy({"action": "FailJob"})),
        [f"{RULE}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"],
    ),
    (
        "both",
        job(**policy({**exits(), **condition()})),
        [f"{RULE}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"],
    ),
    ("duplicate code", job(**policy(exits(values=[11, 11]))), [f"{RULE}.onExitCodes.values[1]: Duplicate value: 11"]),
    (
        "too many codes",
        job(**policy(exits(values=list(range(1, 257))))),
        [f"{RULE}.onExitCodes.values: Too many: 256: must have at most 255 items"],
    ),
    ("too many rules", job(**policy(*[exits()] * 21)), ["spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items"]),
    (
        "too many patterns",
        job(**policy({"action": "Ignore", "onPodConditions": [{"type": "A", "status": "True"}] * 21})),
        [f"{RULE}.onPodConditions: Too many: 21: must have at most 20 items"],
    ),
    ("unordered", job(**policy(exits(values=[19, 11]))), [f"{RULE}.onExitCodes.values: Invalid value: []int32{{19, 11}}: must be ordered"]),
    (
        "no code",
        job(**policy(exits(values=[]))),
        [f"{RULE}.onExitCodes.values: Invalid value: []int32{{}}: at least one value is required"],
    ),
    (
        "no action",
        job(**policy(exits(""))),
        [f'{RULE}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'],
    ),
    ("no operator", job(**policy(exits(operator=""))), [f'{RULE}.onExitCodes.operator: Required value: valid values: ["In" "NotIn"]']),
    (
        "zero",
        job(**policy(exits(values=[0, 1]))),
        [f"{RULE}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"],
    ),
    (
        "container",
        job(**policy(exits(containerName="xyz"))),
        [
            f'{RULE}.onExitCodes.containerName: Invalid value: "xyz": '
            "must be one of the container or initContainer names in the pod template"
        ],
    ),
    (
        "unknown action",
        job(**policy(exits("UnknownAction"))),
        [f'{RULE}.action: Unsupported value: "UnknownAction": supported values: "Count", "FailIndex", "FailJob", "Ignore"'],
    ),
    (
        "unknown operator",
        job(**policy(exits(operator="UnknownOperator"))),
        [f'{RULE}.onExitCodes.operator: Unsupported value: "UnknownOperator": supported values: "In", "NotIn"'],
    ),
    (
        "unknown status",
        job(**policy(condition(status="UnknownStatus"))),
        [f'{RULE}.onPodConditions[0].status: Unsupported value: "UnknownStatus": supported values: "False", "True", "Unknown"'],
    ),
    (
        "condition type",
        job(**policy(condition(type="Invalid Condition Type"))),
        [f'{RULE}.onPodConditions[0].type: Invalid value: "Invalid Condition Type": name part must consist of alphanumeric characters'],
    ),
    (
        "replacement with policy",
        job(podReplacementPolicy="TerminatingOrFailed", **policy(exits())),
        ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    ),
    (
        "replacement",
        job(podReplacementPolicy="x"),
        ['spec.podReplacementPolicy: Unsupported value: "x": supported values: "Failed", "TerminatingOrFailed"'],
    ),
    (
        "OnFailure with policy",
        merged(job(**policy(exits())), {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
        ['spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified'],
    ),
    ("parallelism", job(parallelism=-1), ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"]),
    ("backoffLimit", job(backoffLimit=-1), ["spec.backoffLimit: Invalid value: -1: "]),
    (
        "per index",
        job(backoffLimitPerIndex=1),
        ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ),
    (
        "too many failed",
        job(**INDEXED, backoffLimitPerIndex=1, maxFailedIndexes=11),
        ["spec.maxFailedIndexes: Invalid value: 11: must be less than or equal to completions"],
    ),
    (
        "high completions need a limit",
        job(**{**HIGH, "maxFailedIndexes": None}),
        ["spec.maxFailedIndexes: Required value: must be specified when completions is above 100000"],
    ),
    (
        "high completions, parallelism",
        job(**{**HIGH, "parallelism": 50_000}),
        [
            "spec.parallelism: Invalid value: 50000: must be less than or equal to 10000 when completions are above 100000 and used with "
            "backoff limit per index"
        ],
    ),
    (
        "alone",
        job(**INDEXED, maxFailedIndexes=1),
        ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"],
    ),
    ("ttl", job(ttlSecondsAfterFinished=-1), ["spec.ttlSecondsAfterFinished: Invalid value: -1: "]),
    (
        "Indexed without completions",
        job(completionMode="Indexed", parallelism=1),
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    (
        "Indexed parallelism",
        job(completionMode="Indexed", parallelism=100_001, completions=1),
        ["spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"],
    ),
    (
        "Always",
        merged(job(), {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}),
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    (
        "own labels on generated names",
        merged(job(), {"spec": {"template": {"metadata": {"labels": {"controller-uid": "other"}}}}}),
        ["spec.template.metadata.labels[controller-uid]: Invalid value: map[string]string{"],
    ),
    (
        "manual selector that does not match",
        job(manualSelector=True, selector={"matchLabels": {"a": "b"}}),
        ["spec.template.metadata.labels: Invalid value: "],
    ),
    (
        "manual selector left out",
        job(manualSelector=True),
        ["spec.selector: Required value", "spec.template.metadata.labels: Invalid value: "],
    ),
    (
        "host name too long for the last index",
        merged(job(**{**INDEXED, "completions": 101}), {"metadata": {"name": "a" * 60}}),
        [f'metadata.name: Invalid value: "{"a" * 60}": will not able to create pod with invalid DNS label: {"a" * 60}-100'],
    ),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*row[1:], id=row[0]) for row in JOBS])
def test_job_create(body, expected):
    texts = create_errors({**body, "spec": {key: value for key, value in body["spec"].items() if value is not None}}, **ON)
    assert agree(texts, expected), texts


def affinity(key):
    term = {"matchExpressions": [{"key": key, "operator": "Exists"}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def pod(**spec):
    return {"template": {"spec": spec}}


FIXED_TEMPLATE = ["spec.template: Invalid value: core.PodTemplateSpec{"]

# upstream: TestValidateJobUpdate
JOB_UPDATES = [
    ("mutable fields", job(), {"parallelism": 5, "suspend": True, "activeDeadlineSeconds": 9, "backoffLimit": 3}, []),
    ("immutable completions", job(), {"completions": 5}, ["spec.completions: Invalid value: 5: field is immutable"]),
    ("completions follow parallelism", job(**INDEXED), {"completions": 5, "parallelism": 5}, []),
    (
        "completions alone",
        job(**INDEXED),
        {"completions": 5},
        ["spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism"],
    ),
    ("image", job(), pod(containers=[{"name": "c", "image": "y"}]), FIXED_TEMPLATE),
    (
        "completion mode",
        job(completions=2),
        {"completionMode": "Indexed"},
        ['spec.completionMode: Invalid value: "Indexed": field is immutable'],
    ),
    ("add pod failure policy", job(), policy(exits()), ["spec.podFailurePolicy: Invalid value: batch.PodFailurePolicy{"]),
    (
        "remove pod failure policy",
        job(**policy(exits())),
        {"podFailurePolicy": None},
        ['spec.podFailurePolicy: Invalid value: "null": field'],
    ),
    ("immutable tolerations", job(), pod(tolerations=[{"key": "a", "operator": "Exists"}]), FIXED_TEMPLATE),
    ("mutable tolerations", job(suspend=True), pod(tolerations=[{"key": "a", "operator": "Exists"}]), []),
    ("mutable node selector", job(suspend=True), pod(nodeSelector={"a": "b"}), []),
    ("add node affinity", job(suspend=True), pod(affinity=affinity("a")), []),
    ("immutable node affinity", job(), pod(affinity=affinity("a")), FIXED_TEMPLATE),
    ("mutable annotations", job(suspend=True), {"template": {"metadata": {"annotations": {"a": "b"}}}}, []),
    ("service account stays", job(suspend=True), pod(serviceAccountName="other"), FIXED_TEMPLATE),
]


@pytest.mark.parametrize(("old", "change", "expected"), [pytest.param(*row[1:], id=row[0]) for row in JOB_UPDATES])
def test_job_update(old, change, expected):
    texts = update_errors(old, {"spec": change})
    assert agree(texts, expected), texts


def test_a_job_gets_its_selector_from_its_uid():
    """upstream: generateSelector; labels as since 1.27"""
    generated = {
        "batch.kubernetes.io/controller-uid": UID,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": UID,
        "job-name": "j",
    }
    obj = prepared(job())
    assert obj["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}
    assert obj["spec"]["template"]["metadata"]["labels"] == {"app": "web", **generated}
    assert obj["metadata"]["labels"] == {"app": "web", **generated}
    labelled = prepared(merged(job(), {"metadata": {"labels": {"own": "label"}}}))
    assert labelled["metadata"]["labels"] == {"own": "label"}


# upstream: TestValidateJobUpdateStatus
STATUSES = [
    ({"active": 1, "succeeded": 2, "failed": 3, "ready": 1, "terminating": 4}, []),
    ({"active": -1, "failed": -3}, ["status.active: Invalid value: -1", "status.failed: Invalid value: -3"]),
    (
        {"uncountedTerminatedPods": {"succeeded": ["a", "b", "c", "a", ""], "failed": ["c", "d", "e", "d", ""]}},
        [
            'status.uncountedTerminatedPods.succeeded[3]: Duplicate value: "a"',
            'status.uncountedTerminatedPods.succeeded[4]: Invalid value: "": must not be empty',
            'status.uncountedTerminatedPods.failed[0]: Duplicate value: "c"',
            'status.uncountedTerminatedPods.failed[3]: Duplicate value: "d"',
            'status.uncountedTerminatedPods.failed[4]: Invalid value: "": must not be empty',
        ],
    ),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_job_status(status, expected):
    assert agree(status_errors(job(), status), expected)


# upstream: TestValidateCronJob
CRON_JOBS = [
    (cron_job(schedule="* * * * ?"), []),
    (cron_job(schedule="@hourly"), []),
    (cron_job(schedule="0 * * * *", timeZone="UTC"), []),
    (cron_job(schedule="error"), ['spec.schedule: Invalid value: "error": expected exactly 5 fields, found 1: [error]']),
    (cron_job(schedule=""), ["spec.schedule: Required value"]),
    (
        cron_job(schedule="TZ=X/Y 0 0 * * *"),  # robfig/cron v3.0.1, parser.go (Parse)
        ['spec.schedule: Invalid value: "TZ=X/Y 0 0 * * *": provided bad location X/Y: unknown time zone X/Y'],
    ),
    (
        cron_job(schedule="TZ=UTC 0 * * * *", timeZone="UTC"),
        ['spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule'],
    ),
    (cron_job(timeZone=""), ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
    (cron_job(timeZone="Local"), ['spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://']),
    (cron_job(timeZone=" Continent/Zone"), ['spec.timeZone: Invalid value: " Continent/Zone": unknown time zone  Continent/Zone']),
    (cron_job(timeZone="Continent/InvalidZone"), ['spec.timeZone: Invalid value: "Continent/InvalidZone": unknown time zone Continent/']),
    (cron_job(startingDeadlineSeconds=-1), ["spec.startingDeadlineSeconds: Invalid value: -1: "]),
    (cron_job(successfulJobsHistoryLimit=-1), ["spec.successfulJobsHistoryLimit: Invalid value: -1: "]),
    (cron_job(failedJobsHistoryLimit=-1), ["spec.failedJobsHistoryLimit: Invalid value: -1: "]),
    (
        cron_job(concurrencyPolicy="x"),
        ['spec.concurrencyPolicy: Unsupported value: "x": supported values: "Allow", "Forbid", "Replace"'],
    ),
    (
        merged(cron_job(), {"spec": {"jobTemplate": {"spec": {"parallelism": -1}}}}),
        ["spec.jobTemplate.spec.parallelism: Invalid value: -1"],
    ),
    (
        merged(cron_job(), {"spec": {"jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}}),
        ["spec.jobTemplate.spec.selector: Invalid value: v1.LabelSelector{"],
    ),
    (
        merged(cron_job(), {"spec": {"jobTemplate": {"spec": {"manualSelector": True}}}}),
        ['spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
    ),
    (
        merged(cron_job(), {"metadata": {"name": "a" * 53}}),
        [f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters'],
    ),
]


@pytest.mark.parametrize(("body", "expected"), CRON_JOBS)
def test_cron_job_create(body, expected):
    texts = create_errors(body)
    assert agree(texts, expected), texts


def test_a_time_zone_that_was_wrong_may_stay():
    """upstream: TestValidateCronJobSpec, "old timeZone and new timeZone are invalid, but unchanged"."""
    assert update_errors(cron_job(timeZone="Continent/Zone"), {"spec": {"suspend": True}}) == []
    assert len(update_errors(cron_job(timeZone="Continent/Zone"), {"spec": {"timeZone": "Continent/Other"}})) == 1


# upstream: robfig/cron v3 parser_test.go (TestRange, TestParseScheduleErrors)
BAD_SCHEDULES = [
    ("* 5 j * * *", "expected exactly 5 fields, found 6: [* 5 j * * *]"),
    ("@every Xm", 'failed to parse duration @every Xm: time: invalid duration "Xm"'),
    ("@unrecognized", "unrecognized descriptor: @unrecognized"),
    ("", "empty spec string"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("5-2 * * * *", "beginning of range (5) beyond end of range (2): 5-2"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
]


@pytest.mark.parametrize(("text", "words"), BAD_SCHEDULES)
def test_bad_schedules(text, words):
    with pytest.raises(cron.CronError) as raised:
        cron.parse(text)
    assert str(raised.value) == words


def bits(*values):
    return sum(1 << value for value in values)


def test_schedules():
    """upstream: robfig/cron v3 parser_test.go"""
    assert cron.parse("5/20 * * * *").minutes == bits(5, 25, 45)
    assert cron.parse("0 9-17/4 * * *").hours == bits(9, 13, 17)
    assert cron.parse("0 0 1,15 jan-mar sun").months == bits(1, 2, 3)
    assert cron.parse("0 0 1 1 MON").weekdays == bits(1)
    assert cron.parse("@weekly") == cron.parse("0 0 * * 0")
    assert cron.parse("@every 1h30m").every_ns == 5400 * 10**9
    assert (cron.parse("0 0 * * 1").day_starred, cron.parse("0 0 */2 * 1").day_starred) == (True, False)


# upstream: printers_test.go (TestPrintJob, TestPrintCronJob)
def test_cells():
    hour = 3600 * 10**9
    running = merged(prepared(job(completions=2)), {"status": {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z"}})
    assert [column.cell(running, NOW_NS + hour) for column in kind_of(running).columns][:4] == ["j", "1/2", "60m", "60m"]
    done = merged(running, {"spec": {"completions": None, "parallelism": 3}, "status": {"completionTime": "2026-01-01T00:00:30Z"}})
    assert [column.cell(done, NOW_NS + hour) for column in kind_of(done).columns][1:3] == ["1/1 of 3", "30s"]
    timed = merged(prepared(cron_job(suspend=True)), {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}})
    assert [column.cell(timed, NOW_NS + hour) for column in kind_of(timed).columns] == [
        "c",
        "* * * * *",
        "True",
        0,
        "60m",
        "60m",
        "c",
        "x",
        "<none>",
    ]


def test_odd_schedules_warn():
    """upstream: cronJobStrategy.WarningsOnCreate"""
    body = cron_job(schedule="TZ=UTC 0 * * * *")
    assert kind_of(body).warnings(body, None, context())[0].startswith("CRON_TZ or TZ used in spec.spec.schedule is not officially")
