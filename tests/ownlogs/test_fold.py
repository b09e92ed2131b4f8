"""However often something is said, it makes few rows, and their counts agree."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tracker.ownlogs.fold import (
    FIRST_SECONDS,
    LONGEST_SECONDS,
    MOST_A_MINUTE,
    MOST_KINDS,
    Fold,
    Folded,
)
from tracker.ownlogs.line import Line

DAY = 86_400


def line(msg: str = "seen", *, lost: int = 0, time: int = 0) -> Line:
    return Line("w0", 1, "x", 4, msg, time, lost=lost)


@dataclass
class Course:
    """Second by second, what is said and what is kept."""

    fold: Fold = field(default_factory=Fold)
    now: float = 0.0
    kept: list[tuple[float, Folded]] = field(default_factory=list)

    def pass_by(self, seconds: float, *said: Line) -> None:
        until = self.now + seconds
        while self.now < until:
            for each in said:
                self.fold.add(each, self.now)
            self.kept += [(self.now, folded) for folded in self.fold.take(self.now)]
            self.now += 1.0


def test_the_first_is_kept_at_once_and_the_next_tells_how_many_followed() -> None:
    course = Course()
    course.pass_by(200, line())

    assert [(0.0, 1), (60.0, 60), (180.0, 120)] == [(at, folded.times)
                                                   for at, folded in course.kept]


def test_what_never_ends_makes_a_row_an_hour() -> None:
    course = Course()
    course.pass_by(DAY, line())

    assert 1 + 6 + 23 >= len(course.kept)
    assert {LONGEST_SECONDS} == {later[0] - sooner[0] for sooner, later in zip(
        course.kept[-10:], course.kept[-9:], strict=False)}


def test_a_warning_that_its_own_rows_cause_makes_hardly_any() -> None:
    course, rows = Course(), 0
    course.fold.add(line(), 0.0)
    for _ in range(DAY):
        course.pass_by(1)
        for _ in course.kept[rows:]:
            course.fold.add(line(), course.now)
        rows = len(course.kept)

    assert rows <= 30


def test_after_a_long_silence_it_is_news_again() -> None:
    course = Course()
    course.pass_by(1, line())
    course.pass_by(FIRST_SECONDS + 1)
    course.pass_by(1, line())

    assert [1, 1] == [folded.times for _, folded in course.kept]


def test_the_newest_of_a_kind_is_told() -> None:
    course = Course()
    course.pass_by(1, line(time=1), line(time=2), line(time=3))
    course.pass_by(FIRST_SECONDS)

    assert [(1, 1), (3, 2)] == [(folded.line.time, folded.times) for _, folded in course.kept]


def test_many_kinds_make_no_more_rows_than_a_minute_has_room_for() -> None:
    course = Course()
    course.pass_by(1, *(line(str(number)) for number in range(1_000)))

    assert MOST_A_MINUTE == len(course.kept)
    assert 1_000 - MOST_A_MINUTE == course.fold.left_out
    assert MOST_KINDS == len(course.fold._known)


def test_what_waits_for_its_time_is_told_at_the_end() -> None:
    fold = Fold()
    for _ in range(5):
        fold.add(line(), 0.0)
    assert [1] == [folded.times for folded in fold.take(0.0)]

    assert [4] == [folded.times for folded in fold.rest(1.0)]
    assert [] == fold.rest(2.0)


@given(st.lists(st.tuples(st.integers(0, 400), st.lists(st.tuples(
    st.integers(0, 40), st.integers(0, 3)), max_size=60)), max_size=20))
def test_every_line_is_in_a_row_or_among_those_left_out(
    course: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    fold, now, kept, said = Fold(), 0.0, [], 0
    for pause, lines in course:
        for kind, lost in lines:
            fold.add(line(str(kind), lost=lost), now)
            said += 1 + lost
        kept += fold.take(now)
        now += pause
    kept += fold.rest(now)

    assert said == sum(folded.times for folded in kept) + fold.left_out
