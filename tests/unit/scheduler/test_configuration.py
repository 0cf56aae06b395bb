"""KubeSchedulerConfiguration: decoding, defaults, merging of plug-ins, validation in upstream's words.

upstream: pkg/scheduler/apis/config/{scheme/scheme_test.go,v1/default_plugins_test.go,v1/defaults_test.go,validation/*_test.go},
pkg/scheduler/framework/runtime/framework_test.go, pkg/scheduler/profile/profile_test.go, 1.28.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelab.scheduler.configuration import ConfigurationError, read
from kubelab.scheduler.configuration.defaults import DEFAULT_PLUGINS, merge_plugins
from kubelab.scheduler.configuration.points import IMPLEMENTED, expand, weights
from kubelab.scheduler.profile import DEFAULT, OWN, WEIGHTS, WIDE, profiles_of


def refused(source) -> str:
    with pytest.raises(ConfigurationError) as error:
        read(source)
    return str(error.value)


def args(name, **given):
    return {"profiles": [{"pluginConfig": [{"name": name, "args": given}]}]}


def test_an_empty_configuration_is_the_default_one():
    whole = read({})
    assert (whole["parallelism"], whole["percentageOfNodesToScore"]) == (16, 0)
    assert (whole["podInitialBackoffSeconds"], whole["podMaxBackoffSeconds"]) == (1, 10)
    assert whole["clientConnection"] == {"contentType": "application/vnd.kubernetes.protobuf", "qps": 50, "burst": 100}
    [profile] = whole["profiles"]
    assert profile["schedulerName"] == "default-scheduler"
    assert [each["name"] for each in profile["pluginConfig"]] == [
        "DefaultPreemption",
        "InterPodAffinity",
        "NodeAffinity",
        "NodeResourcesBalancedAllocation",
        "NodeResourcesFit",
        "PodTopologySpread",
        "VolumeBinding",
    ]


def test_the_default_profile_is_that_of_a_scheduler_without_configuration():
    made = profiles_of(read({}))["default-scheduler"]
    assert [each.name for each in made.own] == [each.name for each in OWN]
    assert [each.name for each in made.wide] == [each.name for each in WIDE]
    assert {name: made.weight(name) for name in WEIGHTS} == WEIGHTS
    assert (made.candidates, made.hard_affinity_weight, made.spread) == (DEFAULT.candidates, DEFAULT.hard_affinity_weight, DEFAULT.spread)


def test_a_configuration_is_read_from_yaml_and_from_a_file(tmp_path: Path):
    text = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n- schedulerName: mine\n"
    file = tmp_path / "scheduler.yaml"
    file.write_text(text)
    assert read(text) == read(file) == read(str(file)) == read({"profiles": [{"schedulerName": "mine"}]})


# upstream: scheme_test.go TestCodecsDecodePluginConfig
def test_arguments_get_their_defaults():
    found = read(
        {
            "profiles": [
                {
                    "pluginConfig": [
                        {"name": "DefaultPreemption", "args": {"minCandidateNodesAbsolute": 50, "minCandidateNodesPercentage": 10}},
                        {"name": "InterPodAffinity", "args": {"hardPodAffinityWeight": 5}},
                        {"name": "NodeResourcesFit", "args": {"ignoredResources": ["foo"]}},
                        {
                            "name": "NodeResourcesBalancedAllocation",
                            "args": {"resources": [{"name": "cpu"}, {"name": "memory", "weight": 0}]},
                        },
                        {"name": "OutOfTreePlugin", "args": {"foo": "bar"}},
                    ]
                }
            ]
        }
    )
    given = {each["name"]: each["args"] for each in found["profiles"][0]["pluginConfig"]}
    both = [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}]
    assert given["DefaultPreemption"] == {"minCandidateNodesAbsolute": 50, "minCandidateNodesPercentage": 10}
    assert given["InterPodAffinity"] == {"hardPodAffinityWeight": 5}
    assert given["NodeResourcesFit"] == {"ignoredResources": ["foo"], "scoringStrategy": {"type": "LeastAllocated", "resources": both}}
    assert given["NodeResourcesBalancedAllocation"] == {"resources": both}
    assert given["OutOfTreePlugin"] == {"foo": "bar"}
    assert given["VolumeBinding"] == {"bindTimeoutSeconds": 600}


KIND = "kubescheduler.config.k8s.io"
STRICT = (
    "strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: "
    "decoding args for plugin NodeResourcesFit: strict decoding error: "
)
DECODING = [
    (
        args("DefaultPreemption", apiVersion=f"{KIND}/v1", kind="InterPodAffinityArgs"),
        f"decoding .profiles[0].pluginConfig[0]: args for plugin DefaultPreemption were not of type DefaultPreemptionArgs.{KIND}, "
        f"got InterPodAffinityArgs.{KIND}",
    ),
    (
        args("NodeResourcesFit", scoringStrategy={"requestedToCapacityRatio": {"shape": [{"Score": 2, "Utilization": 1}]}}),
        f'{STRICT}unknown field "scoringStrategy.requestedToCapacityRatio.shape[0].Score", '
        'unknown field "scoringStrategy.requestedToCapacityRatio.shape[0].Utilization"',
    ),
    (
        args("NodeResourcesFit", scoringStrategy={"resources": [{"Name": "cpu", "Weight": 1}]}),
        f'{STRICT}unknown field "scoringStrategy.resources[0].Name", unknown field "scoringStrategy.resources[0].Weight"',
    ),
    ({"colour": "red"}, 'strict decoding error: unknown field "colour"'),
    ({"parallelism": "many"}, "json: cannot unmarshal string into Go struct field KubeSchedulerConfiguration.parallelism of type int32"),
    ({"apiVersion": "v1"}, 'no kind "KubeSchedulerConfiguration" is registered for version "v1" in scheme'),
]


@pytest.mark.parametrize(("source", "words"), DECODING, ids=range(len(DECODING)))
def test_what_cannot_be_decoded(source, words):
    assert refused(source).startswith(words)


# upstream: validation_test.go TestValidateKubeSchedulerConfigurationV1, validation_pluginargs_test.go
VALIDATION = [
    ({"parallelism": 0}, "parallelism: Invalid value: 0: should be an integer value greater than zero"),
    (
        {"leaderElection": {"leaderElect": True, "resourceLock": "configmap"}},
        'leaderElection.resourceLock: Invalid value: "configmap": resourceLock value must be "leases"',
    ),
    ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
    (
        {"profiles": [{"percentageOfNodesToScore": -1}]},
        "profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]",
    ),
    ({"profiles": [{"schedulerName": "a"}, {}]}, "profiles[1].schedulerName: Required value"),
    (
        {"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}]},
        "profiles[1].schedulerName: Duplicate value: profiles[0].schedulerName",
    ),
    ({"podInitialBackoffSeconds": 0}, "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"),
    ({"podMaxBackoffSeconds": 0}, "podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to PodInitialBackoffSeconds"),
    (
        {"extenders": [{"urlPrefix": "http://x", "prioritizeVerb": "prioritize", "weight": -1}]},
        "extenders[0].weight: Invalid value: -1: must have a positive weight applied to it",
    ),
    (
        {"extenders": [{"urlPrefix": "http://x", "managedResources": [{"name": "example.com/foo"}, {"name": "example.com/foo"}]}]},
        'extenders[0].managedResources[1].name: Invalid value: "example.com/foo": duplicate extender managed resource name',
    ),
    (
        {"extenders": [{"urlPrefix": "http://x", "managedResources": [{"name": "cpu"}]}]},
        'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
    ),
    (
        {"extenders": [{"urlPrefix": "http://x", "bindVerb": "a"}, {"urlPrefix": "http://y", "bindVerb": "b"}]},
        'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind',
    ),
    (
        {"profiles": [{"pluginConfig": [{"name": "config"}, {"name": "config"}]}]},
        'profiles[0].pluginConfig[1]: Duplicate value: "config"',
    ),
    (
        {"profiles": [{"plugins": {"score": {"enabled": [{"name": "SelectorSpread"}]}}}]},
        'profiles[0].plugins.score.enabled[0]: Invalid value: "SelectorSpread": was invalid in version "kubescheduler.config.k8s.io/v1" '
        '(KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
    ),
    (
        args("DefaultPreemption", minCandidateNodesPercentage=200),
        "{args}.minCandidateNodesPercentage: Invalid value: 200: not in valid range [0, 100]",
    ),
    (
        args("DefaultPreemption", minCandidateNodesAbsolute=-1),
        "{args}.minCandidateNodesAbsolute: Invalid value: -1: not in valid range [0, inf)",
    ),
    (
        args("DefaultPreemption", minCandidateNodesPercentage=0, minCandidateNodesAbsolute=0),
        "[{args}.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute, "
        "{args}.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage]",
    ),
    (args("InterPodAffinity", hardPodAffinityWeight=101), "{args}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]"),
    (
        args("PodTopologySpread", defaultingType="Unknown"),
        '{args}.defaultingType: Unsupported value: "Unknown": supported values: "System", "List"',
    ),
    (
        args(
            "PodTopologySpread",
            defaultConstraints=[{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Maybe", "labelSelector": {}}],
            defaultingType="List",
        ),
        "[{args}.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf), "
        "{args}.defaultConstraints[0].topologyKey: Required value: can not be empty, "
        '{args}.defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway", '
        "{args}.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod]",
    ),
    (
        args("PodTopologySpread", defaultConstraints=[{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]),
        '{args}.defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
    ),
    (
        args("NodeResourcesBalancedAllocation", resources=[{"name": "cpu", "weight": 2}, {"name": "cpu"}]),
        '[{args}.resources[0].weight: Invalid value: 2: must be 1, {args}.resources[1].name: Duplicate value: "cpu"]',
    ),
    (
        args("VolumeBinding", bindTimeoutSeconds=-10),
        "{args}.bindTimeoutSeconds: Invalid value: -10: invalid BindTimeoutSeconds, should not be a negative value",
    ),
    (
        args(
            "NodeAffinity",
            addedAffinity={
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "preference": {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a", "b"]}]}}
                ]
            },
        ),
        "{args}.addedAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].matchFields[0].values: Invalid value: "
        '[]string{{"a", "b"}}: must have one element',
    ),
]


@pytest.mark.parametrize(("source", "words"), VALIDATION, ids=range(len(VALIDATION)))
def test_what_is_invalid(source, words):
    place = "profiles[0].pluginConfig[0].args"
    assert refused(source) == words.replace("{args}", place).replace("{{", "{").replace("}}", "}")


# upstream: NewFramework, updatePluginList; a fit's arguments are looked at where the plug-in is made
FRAMEWORK = [
    ({"score": {"enabled": [{"name": "Missing"}]}}, 'ScorePlugin "Missing" does not exist'),
    ({"multiPoint": {"enabled": [{"name": "Missing"}]}}, 'PreFilterPlugin "Missing" does not exist'),
    ({"filter": {"enabled": [{"name": "ImageLocality"}]}}, 'plugin "ImageLocality" does not extend FilterPlugin plugin'),
    (
        {"score": {"enabled": [{"name": "ImageLocality"}, {"name": "ImageLocality"}]}},
        'plugin "ImageLocality" already registered as "ScorePlugin"',
    ),
    ({"multiPoint": {"enabled": [{"name": "NodeName"}, {"name": "NodeName"}]}}, 'plugin "NodeName" already registered as "FilterPlugin"'),
    ({"bind": {"disabled": [{"name": "*"}]}}, 'at least one bind plugin is needed for profile with scheduler name "default-scheduler"'),
    (
        {"multiPoint": {"disabled": [{"name": "PrioritySort"}]}},
        'only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0',
    ),
    ({"score": {"enabled": [{"name": "ImageLocality", "weight": 2**31 - 1}]}}, None),
]


@pytest.mark.parametrize(("plugins", "words"), FRAMEWORK, ids=range(len(FRAMEWORK)))
def test_a_profile_of_which_no_framework_can_be_made(plugins, words):
    source = {"profiles": [{"plugins": plugins}]}
    if words is None:
        assert read(source)
        return
    assert refused(source) == f"initializing profiles: creating profile for scheduler name default-scheduler: {words}"


def test_arguments_of_fit_are_looked_at_where_the_plugin_is_made():
    strategy = {"type": "Random", "resources": [{"name": "cpu", "weight": 101}]}
    assert refused(args("NodeResourcesFit", scoringStrategy=strategy)) == (
        'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": '
        '[scoringStrategy.type: Unsupported value: "Random": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio", '
        "scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]]"
    )


def plugin(*names):
    return {"enabled": [{"name": name} for name in names]}


# upstream: default_plugins_test.go TestMergePlugins
MERGED = [
    ("appended", plugin("D1", "D2"), plugin("C"), ["D1", "D2", "C"]),
    ("disabled and given anew", plugin("D1", "D2"), {**plugin("C", "D2"), "disabled": [{"name": "D2"}]}, ["D1", "C", "D2"]),
    ("all disabled", plugin("D1", "D2"), {**plugin("C"), "disabled": [{"name": "*"}]}, ["C"]),
    ("re-configured in place", plugin("D1", "D2", "D3"), plugin("D2", "C"), ["D1", "D2", "D3", "C"]),
]


@pytest.mark.parametrize(("name", "default", "custom", "expected"), MERGED, ids=[row[0] for row in MERGED])
def test_plugins_are_merged(name, default, custom, expected):
    merged = merge_plugins({"filter": default}, {"filter": custom})
    assert [each["name"] for each in merged["filter"]["enabled"]] == expected


def test_a_point_overrides_what_stands_at_all_points():
    """upstream: framework_test.go TestNewFrameworkMultiPointExpansion: overridden ones first, then those of all points, then the others."""
    given = {"filter": {"enabled": [{"name": "NodePorts"}, {"name": "NodeName"}], "disabled": [{"name": "TaintToleration"}]}}
    profile = read({"profiles": [{"plugins": given}]})["profiles"][0]
    filters = expand(profile)["filter"]
    assert filters[:2] == ["NodePorts", "NodeName"]
    assert "TaintToleration" not in filters
    assert filters[2:4] == ["NodeUnschedulable", "NodeAffinity"]


def test_the_weight_of_the_point_stands_before_that_of_all_points():
    plugins = {
        "score": {"enabled": [{"name": "TaintToleration", "weight": 7}]},
        "multiPoint": {"enabled": [{"name": "ImageLocality", "weight": 4}]},
    }
    profile = read({"profiles": [{"plugins": plugins}]})["profiles"][0]
    found = weights(profile, expand(profile)["score"])
    assert (found["TaintToleration"], found["ImageLocality"], found["NodeAffinity"], found["VolumeBinding"]) == (7, 4, 2, 1)


def test_every_default_plugin_is_known():
    assert all(name in IMPLEMENTED for name, _ in DEFAULT_PLUGINS)


def test_resources_that_an_extender_manages_may_be_ignored():
    managed = [{"name": "example.com/a", "ignoredByScheduler": True}, {"name": "example.com/b"}]
    whole = read({"extenders": [{"urlPrefix": "http://x", "filterVerb": "filter", "managedResources": managed}]})
    fit = next(each for each in whole["profiles"][0]["pluginConfig"] if each["name"] == "NodeResourcesFit")
    assert fit["args"]["ignoredResources"] == ["example.com/a"]
