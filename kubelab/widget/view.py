"""The rollout widget's view: buttons, sliders, and two pictures. It only hands on what is turned, and shows the model's frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from kubelab.cluster.errors import ApiError, Unsettled
from kubelab.cluster.rollout import RolloutError
from kubelab.display.html import error_line
from kubelab.widget.model import RolloutModel
from kubelab.widget.picture import svg

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

REFUSED = (ApiError, RolloutError, Unsettled, ValueError)
FRAME_MS = 100
BEATS = 1_000_000  # the player's counter ends somewhere
FEWEST_OFFERED = 20  # replicas that the slider reaches at least


class RolloutView(widgets.VBox):
    """``model`` is the world behind; ``canvases`` show its variants; ``knobs`` are each variant's sliders by name."""

    def __init__(self, model: RolloutModel) -> None:
        self.model = model
        self.player = widgets.Play(min=0, max=BEATS, interval=FRAME_MS, show_repeat=False)
        self.player.observe(lambda change: self._beat(), "value")
        self.pace = widgets.FloatLogSlider(
            value=model.pace, base=10, min=-2, max=1, step=0.1, description="s per frame", readout_format=".2f"
        )
        self.pace.observe(self._turn_pace, "value")
        self.canvases = tuple(widgets.HTML(layout=widgets.Layout(width="100%")) for _ in model.variants)
        self.knobs = tuple(self._knobs(at) for at in range(len(model.variants)))
        self.said = widgets.HTML()
        self._quiet = False
        buttons = [self._button(*each) for each in self._actions()]
        columns = [
            widgets.VBox([*knobs.values(), canvas], layout=widgets.Layout(width="50%", padding="0 12px 0 0"))
            for knobs, canvas in zip(self.knobs, self.canvases, strict=True)
        ]
        super().__init__([widgets.HBox([self.player, *buttons, self.pace]), self.said, widgets.HBox(columns)])
        self.show()

    def _actions(self) -> list[tuple[str, str, Callable[[], None]]]:
        return [
            ("Step", "one frame further", self.model.step),
            ("New revision", "kubectl rollout restart, in both", self.model.update),
            ("Undo", "kubectl rollout undo, in both", self.model.undo),
            ("Start again", "both fork from the cluster as it was", self.model.restart),
        ]

    def _button(self, words: str, tooltip: str, act: Callable[[], None]) -> widgets.Button:
        button = widgets.Button(description=words, tooltip=tooltip, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self._do(act))
        return button

    def _knobs(self, at: int) -> dict[str, Any]:
        """Only those that the kind has."""
        found = self.model.settings(at)
        most = max(FEWEST_OFFERED, 2 * (found.replicas or 0))
        knobs: dict[str, Any] = {} if found.replicas is None else {"replicas": _slider("replicas", found.replicas, most)}
        if found.partition is not None:
            knobs["partition"] = _slider("partition", found.partition, most)
        if isinstance(found.max_unavailable, int):
            knobs["max_unavailable"] = _slider("maxUnavailable", found.max_unavailable, most)
        elif found.max_unavailable is not None:
            knobs["max_unavailable"] = widgets.Text(value=found.max_unavailable, description="maxUnavailable", continuous_update=False)
        knobs["policy"] = widgets.Dropdown(options=self.model.policies, value=found.policy, description="policy")
        for name, knob in knobs.items():
            knob.style.description_width = "120px"
            knob.observe(lambda change, name=name: self._turn(at, name, change["new"]), "value")
        return knobs

    def _turn(self, at: int, name: str, value: Any) -> None:
        if not self._quiet:
            self._do(lambda: self.model.set(at, **{name: value}))

    def _turn_pace(self, change: Any) -> None:
        self.model.pace = change["new"]

    def _beat(self) -> None:
        """The browser's player counts on: its own buttons say whether it plays."""
        if self.player.value:
            self._do(self.model.step)

    def _do(self, act: Callable[[], None]) -> None:
        """Do something to the model; what it refuses is said, and the knobs go back to what holds."""
        try:
            act()
        except REFUSED as refusal:
            self.said.value = error_line(refusal)
        else:
            self.said.value = ""
        self.show()

    def show(self) -> None:
        """Bring pictures and knobs up to date."""
        for canvas, frame in zip(self.canvases, self.model.frames(), strict=True):
            canvas.value = svg(frame)
        self._quiet = True
        for at, knobs in enumerate(self.knobs):
            found = self.model.settings(at)
            for name, knob in knobs.items():
                value = getattr(found, name)
                if value is not None and value != "" and knob.value != value and isinstance(value, type(knob.value)):
                    knob.value = value
        self._quiet = False


def _slider(words: str, value: int, most: int) -> widgets.IntSlider:
    return widgets.IntSlider(value=value, min=0, max=most, description=words, continuous_update=False)


def rollout(cluster: Cluster, reference: str | None = None, *, namespace: str = "default", pace: float = 0.5) -> RolloutView:
    """Watch a Deployment, StatefulSet or DaemonSet (the first there is, if none is named) roll out in two futures of a cluster, side by side.

    The cluster itself stays as it is. ``pace``: virtual seconds per frame; ten frames a second are shown while it plays.
    """
    return RolloutView(RolloutModel(cluster, reference, namespace=namespace, pace=pace))
