"""A graph of what waits for what, as SVG from top to bottom, without a style of its own.

Layer by layer, after Sugiyama: each node stands below all that it waits for, edges that go past a
layer have a place in it, and each layer is put in an order and at places near its neighbours'.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 216.0, 52.0
"""Of a node."""

MOST_EDGES, MOST_PLACES = 600, 1_500
"""Of a graph that is drawn: a larger one is one that nobody can read."""

_SWEEPS = 4
"""Times that the layers are put in order, and in place, down and up."""

_GAP, _DROP, _LANE, _EDGE = 26.0, 48.0, 22.0, 10.0
"""Between nodes side by side, between layers, of an edge that passes, around everything."""

_LETTERS = 24
"""Of a title, that a node has room for."""


_TEMPLATE = Markup(
    '<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" class="graph" role="group" '
    'aria-label="{label}">'
)


@dataclass(frozen=True)
class Node:
    """A step: `title` is what it is called, `kind` and `status` stand below."""

    name: str
    title: str
    kind: str
    status: str = ""
    tone: str = "quiet"
    url: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)
    """What it waits for, each with what stands at that edge."""
    is_left_out: bool = False
    """Whether it isn't run."""

    @property
    def said(self) -> str:
        """For who listens."""
        return ", ".join(each for each in (self.title, self.kind, self.status) if each)


Edge = tuple[str, str]
"""From a node to one that waits for it."""

_Place = tuple[str, str, int]
"""A node, or an edge in a layer that it passes."""


def draw(nodes: Sequence[Node], label: str) -> Markup | None:
    """The graph of nodes that come after those that they wait for; None if it is too large."""
    edges = essential(nodes)
    if len(edges) > MOST_EDGES:
        return None
    layout = _Layout(nodes, edges)
    if sum(len(each) for each in layout.layers) > MOST_PLACES:
        return None
    layout.arrange()
    return _svg(nodes, layout, label)


def essential(nodes: Sequence[Node]) -> list[Edge]:
    """The edges that don't follow from others: one past a node that is waited for, too."""
    bits = {node.name: 1 << number for number, node in enumerate(nodes)}
    before: dict[str, int] = {}
    edges: list[Edge] = []
    for node in nodes:
        implied = functools.reduce(operator.or_, (before[each] for each in node.parents), 0)
        own = functools.reduce(operator.or_, (bits[each] for each in node.parents), 0)
        before[node.name] = implied | own
        edges += [(each, node.name) for each in node.parents if not bits[each] & implied]
    return edges


class _Layout:
    """Where everything is: `x` are the middles of places, each of which is in one layer."""

    def __init__(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        self.level: dict[str, int] = {}
        for node in nodes:
            above = (self.level[parent] for parent in node.parents)
            self.level[node.name] = 1 + max(above, default=-1)
        count = 1 + max(self.level.values(), default=-1)
        self.layers: list[list[_Place]] = [[] for _ in range(count)]
        for node in nodes:
            self.layers[self.level[node.name]].append((node.name, "", 0))
        self.ways: dict[Edge, list[_Place]] = {}
        self._near: defaultdict[_Place, list[_Place]] = defaultdict(list)
        self._above: defaultdict[_Place, list[_Place]] = defaultdict(list)
        for parent, child in edges:
            passed = range(self.level[parent] + 1, self.level[child])
            lanes: list[_Place] = [(parent, child, level) for level in passed]
            for lane in lanes:
                self.layers[lane[2]].append(lane)
            way = [(parent, "", 0), *lanes, (child, "", 0)]
            self.ways[parent, child] = way
            for one, other in itertools.pairwise(way):
                self._near[one].append(other)
                self._near[other].append(one)
                self._above[other].append(one)
            if len(self._near) > 2 * MOST_PLACES:  # it won't be drawn
                break
        self.x: dict[_Place, float] = {}

    def arrange(self) -> None:
        for layer in self.layers:
            _spread(layer, [0.0] * len(layer), self.x)
        for _ in range(_SWEEPS):
            for layer in [*self.layers, *reversed(self.layers)]:
                layer.sort(key=lambda each: self._middle(self._near, each))
                _spread(layer, [self._middle(self._near, each) for each in layer], self.x)
        for layer in self.layers:  # so that what follows one by one stands in a straight line
            _spread(layer, [self._middle(self._above, each) for each in layer], self.x)
        left = min(self.x[each] - _wide(each) / 2 for each in self.x)
        for each in self.x:
            self.x[each] = round(self.x[each] - left + _EDGE, 1)

    def _middle(self, of: Mapping[_Place, list[_Place]], place: _Place) -> float:
        """That of its neighbours; where it is, if it has none."""
        near = [self.x[each] for each in of.get(place, [])]
        return sum(near) / len(near) if near else self.x[place]

    @property
    def size(self) -> tuple[float, float]:
        right = max(self.x[each] + _wide(each) / 2 for each in self.x)
        return right + _EDGE, top(len(self.layers)) - _DROP + _EDGE


def top(level: int) -> float:
    return _EDGE + level * (HEIGHT + _DROP)


def _wide(place: _Place) -> float:
    return _LANE if place[1] else WIDTH


def _spread(layer: Sequence[_Place], wanted: Sequence[float], x: dict[_Place, float]) -> None:
    """Put a layer's places, in their order, as near to where they are wanted as they have room.

    Those that would overlap become one block, which stands in the middle of what its own want.
    """
    blocks: list[list[float]] = []  # the sum of what is wanted, how many
    ahead, offsets = 0.0, []
    for place, want in zip(layer, wanted, strict=True):
        offsets.append(ahead + _wide(place) / 2)
        ahead += _wide(place) + _GAP
        blocks.append([want - offsets[-1], 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = (total / count for total, count in blocks for _ in range(int(count)))
    for place, start, offset in zip(layer, starts, offsets, strict=True):
        x[place] = start + offset


def _svg(nodes: Sequence[Node], layout: _Layout, label: str) -> Markup:
    wide, high = layout.size
    parts = [_TEMPLATE.format(w=wide, h=high, label=label)]
    named = {node.name: node for node in nodes}
    parts.append(Markup('<g aria-hidden="true">'))
    parts += [_edge(layout, named[child], way) for (_, child), way in layout.ways.items()]
    parts += _labels(layout, named)
    parts.append(Markup("</g>"))
    parts += [_node(node, layout.x[node.name, "", 0], top(layout.level[node.name]))
              for node in nodes]  # fmt: skip
    return Markup("").join([*parts, Markup("</svg>")])


def _edge(layout: _Layout, child: Node, way: Sequence[_Place]) -> Markup:
    level = layout.level[way[0][0]]
    x, y = layout.x[way[0]], top(level) + HEIGHT
    path = f"M{x} {y}"
    for number, place in enumerate(way[1:], 1):
        to, end = layout.x[place], top(level + number)
        end -= 0 if place[1] else 7  # where the arrow's head is
        middle = (y + end) / 2
        path += f"C{x} {middle} {to} {middle} {to} {end}"
        x, y = to, end
        if place[1]:
            y = end + HEIGHT
            path += f"V{y}"
    kind = "edge left-out" if child.is_left_out else "edge"
    head = f"M{x - 4.5} {y}h9l-4.5 7z"
    form = Markup('<path class="{kind}" d="{path}"/><path class="head" d="{head}"/>')
    return form.format(kind=kind, path=path, head=head)


def _labels(layout: _Layout, named: Mapping[str, Node]) -> Iterator[Markup]:
    """What stands at the edges: in the middle of each, or of the first layer that it passes."""
    for (parent, child), way in layout.ways.items():
        if text := named[child].parents[parent]:
            x = (layout.x[way[0]] + layout.x[way[1]]) / 2
            y = top(layout.level[parent]) + HEIGHT + _DROP / 2 + 4
            yield _text("branch", round(x, 1), y, text, "middle")


def _node(node: Node, middle: float, y: float) -> Markup:
    x = round(middle - WIDTH / 2, 1)
    title = node.title if len(node.title) <= _LETTERS else f"{node.title[: _LETTERS - 1]}…"
    inner = Markup("").join([
        Markup("<title>{}</title>").format(node.said),
        Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="8"/>').format(x, y, WIDTH, HEIGHT),
        _text("title", x + 14, y + 22, title, "start"),
        _text("kind", x + 14, y + 40, node.kind, "start"),
        _text("word", x + WIDTH - 14, y + 40, node.status, "end"),
    ])  # fmt: skip
    kind = f"node {node.tone}{' left-out' if node.is_left_out else ''}"
    if node.url:
        form = Markup('<a class="{kind}" href="{url}" aria-label="{said}">{inner}</a>')
        return form.format(kind=kind, url=node.url, said=node.said, inner=inner)
    form = Markup('<g class="{kind}" role="img" aria-label="{said}">{inner}</g>')
    return form.format(kind=kind, said=node.said, inner=inner)


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> Markup:
    form = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>')
    return form.format(kind, x, y, anchor, text) if text else Markup("")
