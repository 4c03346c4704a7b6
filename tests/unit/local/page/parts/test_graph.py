"""Graphs: nothing lies on anything else, and everything is said."""

import re

import pytest

from harness.local.page.parts.graph import HEIGHT, MOST_EDGES, WIDTH, Node, draw, essential

HOSTILE = "</svg><script>alert(1)</script>"


def nodes(**parents):
    return [
        Node(name, name, "Training", parents=dict.fromkeys(of.split(), ""))
        for name, of in parents.items()
    ]


def places(drawn):
    found = re.findall(r'<title>(\w+),.*?</title><rect x="([\d.-]+)" y="([\d.-]+)"', drawn)
    return {name: (float(x), float(y)) for name, x, y in found}


def test_what_follows_from_other_edges_is_not_drawn():
    found = essential(nodes(a="", b="a", c="a b", d="a c", e="a"))
    assert found == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "e")]


@pytest.mark.parametrize(
    "graph",
    [
        nodes(a=""),
        nodes(a="", b="", c="", d="a c", e="b", f="d e a"),
        nodes(a="", b="a", c="b", d="c", e="a", f="a", g="e d f"),
        nodes(**{f"n{n}": " ".join(f"n{p}" for p in range(n) if n % (p + 2) == 0)
                 for n in range(40)}),
    ],
)  # fmt: skip
def test_nodes_stand_below_what_they_wait_for_and_beside_each_other(graph):
    drawn = draw(graph, "Graph")
    assert drawn is not None
    where = places(drawn)
    assert where.keys() == {each.name for each in graph}
    for each in graph:
        assert all(where[each.name][1] >= where[parent][1] + HEIGHT for parent in each.parents)
    for one, (x, y) in where.items():
        for other, (left, top) in where.items():
            assert one == other or y != top or abs(x - left) >= WIDTH
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    assert size is not None
    wide, high = map(float, size.groups())
    for x, y in where.values():
        assert 0 <= x <= wide - WIDTH
        assert 0 <= y <= high - HEIGHT


def test_what_follows_one_by_one_stands_in_a_straight_line():
    drawn = draw(nodes(a="", b="a", c="a", d="b", e="d", f="e", g="e", h="e"), "Graph")
    assert drawn is not None
    where = places(drawn)
    assert where["b"][0] == where["d"][0] == where["e"][0] == where["g"][0]


def test_edges_pass_beside_nodes():
    """From x to d past b and c, which stand in a column of their own."""
    drawn = draw(nodes(a="", x="", b="a", c="b", d="c x"), "Graph")
    assert drawn is not None
    where = places(drawn)
    straight = [float(each) for each in re.findall(r"C[\d. -]+ ([\d.]+) [\d.-]+V", drawn)]
    assert len(straight) == 2  # past the layers of b and c
    for passed, name in zip(straight, "bc", strict=True):
        assert not where[name][0] <= passed <= where[name][0] + WIDTH


def test_what_has_a_page_is_a_link_and_all_is_escaped():
    drawn = draw(
        [
            Node("a", HOSTILE, "Training", "Failed", "bad", "/page?a=1&b=2"),
            Node("b", "b", "Fail", "Not run", parents={"a": HOSTILE}, is_left_out=True),
        ],
        HOSTILE,
    )
    assert drawn is not None
    assert HOSTILE not in drawn
    assert '<a class="node bad" href="/page?a=1&amp;b=2" aria-label="&lt;/svg&gt;' in drawn
    assert '<g class="node quiet left-out" role="img" aria-label="b, Fail, Not run">' in drawn
    assert 'class="edge left-out"' in drawn


def test_a_graph_that_nobody_could_read_is_not_drawn():
    wide = [f"n{number}" for number in range(26)]
    parents = dict.fromkeys(wide, "") | {f"m{n}": " ".join(wide) for n in range(26)}
    assert len(wide) ** 2 > MOST_EDGES
    assert draw(nodes(**parents), "Graph") is None
    long = {f"n{n}": f"n{n - 1}" if n else "" for n in range(150)}
    long |= {f"m{n}": f"n{n}" for n in range(100)} | {"z": " ".join(f"m{n}" for n in range(100))}
    assert draw(nodes(**long), "Graph") is None
