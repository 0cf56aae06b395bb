"""What things look like, in a terminal and in a notebook."""

import pytest

import kubelab as kl
from kubelab import display
from kubelab.cluster.errors import Unsettled
from kubelab.engine.plan import Act, Batch, Call, Plan, Reason
from tests import builders

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c"}]},
    "status": {"phase": "Pending"},
}
MISSING = Reason("PodMissing", "{subject} does not exist")


@pytest.fixture
def web(make):
    cluster = make(2, seed=1)
    cluster.apply(builders.deployment("web", 2))
    cluster.run(until="deployment/web ready")
    return cluster


def test_a_cluster_shows_its_clock_nodes_and_workloads(web):
    text = display.text_of(web).splitlines()
    assert text[0].startswith("Cluster at 2026-01-01 00:00:0") and text[0].endswith("s after its start")
    assert text[1].startswith("2 nodes, 2 pods (2 ready), ")
    assert [line.split()[0] for line in text[2:5]] == ["NAME", "node-1", "node-2"]
    assert text[2].endswith("PODS") and text[3].endswith("1")
    assert text[5] == "Deployments" and text[7].split()[:2] == ["web", "2/2"]


def test_a_cluster_names_pods_in_trouble(make):
    cluster = make(1, seed=1)
    cluster.apply(builders.deployment("web", 1, "nginx:1.161"))
    cluster.run("1m")
    text = display.text_of(cluster)
    assert text.splitlines()[-2] == "Pods in trouble" and "ImagePull" in text.splitlines()[-1]


def test_an_object_is_its_kubectl_line_and_its_yaml_folded():
    text = display.text_of(POD, 0)
    assert text.splitlines() == ["Pod a", "NAME   READY   STATUS    RESTARTS   AGE", "a      0/1     Pending   0          <unknown>"]
    html = display.html_of(POD, 0)
    assert "<details><summary>YAML</summary>" in html and "phase: Pending" in html


def test_without_a_now_there_is_no_age():
    assert "AGE" not in display.text_of(POD)


def test_managed_fields_are_not_shown():
    assert "managedFields" not in display.html_of({**POD, "metadata": {"name": "a", "managedFields": [{}]}})


def test_a_list_is_a_table_per_kind(web):
    text = display.text_of([*web.list("pods"), *web.list("services", namespace=None)])
    assert text.splitlines()[0] == "Pod" and "\nService\n" in text
    assert display.text_of([]) == "No resources found"


def test_a_list_over_namespaces_has_them_as_a_column():
    there = [{**POD, "metadata": {"name": "a", "namespace": name}} for name in ("one", "two")]
    assert display.text_of(there).splitlines()[1].split()[:2] == ["one", "a"]


def test_a_long_list_says_what_is_left_out():
    many = [{**POD, "metadata": {"name": f"p{at}"}} for at in range(250)]
    assert display.text_of(many).endswith("… and 50 more")


def test_an_unknown_kind_is_a_table_of_names():
    assert display.text_of([{"apiVersion": "x/v1", "kind": "Thing", "metadata": {"name": "t"}}]) == "NAME\nt"


def test_a_plan_shows_its_calls_and_why():
    create = Call("create", "pods", body={"metadata": {"generateName": "web-"}}, because=MISSING("pod/web-1"))
    plan = Plan((Batch((create,)), Batch((Act("pull", duration_ns=2_000_000_000),))), again_ns=5_000_000_000)
    assert display.text_of(plan).splitlines() == [
        "Plan: 2 calls",
        "BATCH   CALL                BECAUSE",
        "1       create pods web-…   pod/web-1 does not exist",
        "2       pull (2 s)",
        "looks again after 5 s",
    ]


def test_a_plan_that_waits_says_for_what():
    assert display.text_of(Plan(because=(MISSING("pod/web-1"),))) == "Plan: nothing to do\nbecause pod/web-1 does not exist"


def test_an_explanation_is_a_table_in_a_notebook_and_lines_in_a_terminal(web):
    found = web.explain("deployment/web")
    assert "created deployment/web" in display.text_of(found) and "BECAUSE" not in display.text_of(found)
    assert "<th" in display.html_of(found) and "BECAUSE" in display.html_of(found)


def test_an_answer_says_who_is_in_the_way(make):
    cluster = make(1, seed=1)
    cluster.apply(builders.pod("big", builders.container(resources={"requests": {"cpu": "64"}})))
    cluster.run("5s")
    assert display.text_of(cluster.why_not("pod/big")).startswith("pod/big: scheduler\n0/1 nodes are available: 1 Insufficient cpu.")


def test_a_rollout_shows_its_history(web):
    assert display.text_of(web.rollout("deploy/web")).splitlines()[1:] == [
        "REVISION   IMAGES       CHANGE-CAUSE",
        "1          nginx:1.25   <none>",
    ]


def test_a_refusal_is_kubectls_words_with_the_status_folded(web):
    with pytest.raises(kl.ApiError) as refusal:
        web.get("pod/none")
    assert display.text_of(refusal.value) == '404 NotFound\nError from server (NotFound): pods "none" not found'
    assert "code: 404" in display.html_of(refusal.value)
    assert display.text_of(refusal.value.status) == display.text_of(refusal.value)


def test_other_errors():
    assert display.text_of(Unsettled("too late", ["a moves"])) == "too late\nStill moving\n– a moves"
    assert display.text_of(ValueError("no")) == "ValueError: no"


def test_anything_else_is_as_python_prints_it():
    assert display.text_of(7) == "7"


@pytest.mark.parametrize(
    "thing",
    [
        {**POD, "metadata": {"name": "<script>"}},
        [{"apiVersion": "x/v1", "kind": "<script>", "metadata": {"name": "<script>"}}] * 2,
        ValueError("<script>"),
        kl.ApiError({"message": "<script>", "reason": "<script>", "details": {"causes": [{"field": "<script>", "message": "<script>"}]}}),
        Unsettled("<script>", ["<script>"]),
        Plan((Batch((Call("create", "pods", name="<script>"),)),), because=(MISSING("<script>"),), error="<script>"),
    ],
)
def test_everything_is_escaped(thing):
    html = display.html_of(thing)
    assert "<script>" not in html and "&lt;script&gt;" in html
