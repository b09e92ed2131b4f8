"""What runs write into the page of the documentation."""

import pytest

from bench.rig import page


def marks(name: str, content: str) -> str:
    return f"<!-- {name}: begin, by `make x` -->\n{content}\n<!-- {name}: end -->\n"


def test_a_page_gets_the_new_content_in_place_of_the_old() -> None:
    text = f"# Speed\n{marks('bench', 'old')}{marks('bench-full', 'kept')}"

    assert (f"# Speed\n{marks('bench', 'new')}{marks('bench-full', 'kept')}"
            == page.place(text, "bench", "new"))


@pytest.mark.parametrize("text", ["# Speed\n", "<!-- bench: begin -->\n", marks("soak", "old")])
def test_a_page_without_marks_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match="no place for it"):
        page.place(text, "bench", "new")


@pytest.mark.parametrize("name", ["bench", "bench-full", "soak", "stages", "tail", "worker"])
def test_the_page_of_the_documentation_has_a_place_for_each_run(name: str) -> None:
    assert "new" in page.place(page.PAGE.read_text(), name, "new")


def test_the_front_page_has_a_place_for_the_evidence() -> None:
    assert "new" in page.place(page.FRONT.read_text(), "evidence", "new")


def test_a_grid_has_a_line_under_its_heads() -> None:
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |" == page.grid([["a", "b"], ["1", "2"]])
