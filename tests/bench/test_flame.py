"""Flame graphs of folded stacks."""

from xml.etree import ElementTree as ET

from bench.rig import flame

SVG = "{http://www.w3.org/2000/svg}"
FOLDED = """\
thread (0x7F): MainThread;<module> (<string>:1);main (tracker/child.py:80);run (tracker/edge.py:68) 50
thread (0x7F): MainThread;run (tracker/edge.py:70);read (socket.py:5) 30
thread (12): query_0;ask<T> (tracker/q.py:1) 10
thread (13): query_1;ask<T> (tracker/q.py:2) 9
thread (13): query_1;rare (x.py:2) 1
"""  # noqa: E501 - a stack is one line


def test_lines_of_a_function_and_threads_of_a_pool_are_one_frame() -> None:
    root = flame.read(FOLDED, "worker")

    assert 100 == root.samples
    assert {"MainThread": 80, "query": 20} == {
        name: frame.samples for name, frame in root.callees.items()}
    assert 80 == root.callees["MainThread"].callees["run (tracker/edge.py)"].samples
    assert 19 == root.callees["query"].callees["ask<T> (tracker/q.py)"].samples


def test_a_frame_is_as_wide_as_its_share_and_stands_above_its_caller() -> None:
    drawn = ET.fromstring(flame.draw(flame.read(FOLDED, "worker"), 0.0))

    boxes = {group.findtext(f"{SVG}title", ""): group.find(f"{SVG}rect") for group in drawn}
    caller, callee = boxes["MainThread: 80.0%"], boxes["run (tracker/edge.py): 80.0%"]
    read = boxes["read (socket.py): 30.0%"]
    assert caller is not None
    assert callee is not None
    assert read is not None
    assert flame.WIDTH * 0.8 - 0.5 == float(caller.attrib["width"])
    assert flame.WIDTH * 0.3 - 0.5 == float(read.attrib["width"])
    assert int(callee.attrib["y"]) < int(caller.attrib["y"])


def test_what_is_too_narrow_is_left_out() -> None:
    root = flame.read(FOLDED, "worker")

    assert "rare" in flame.draw(root, 0.01)
    assert "rare" not in flame.draw(root, 0.011)


def test_names_cannot_break_the_picture() -> None:
    drawn = ET.fromstring(flame.draw(flame.read(FOLDED, "a & b"), 0.0))

    titles = [group.findtext(f"{SVG}title") for group in drawn]
    assert "a & b: 100.0%" in titles
    assert "ask<T> (tracker/q.py): 19.0%" in titles
