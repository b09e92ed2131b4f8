"""Makes access.log: two invented days of an invented shop, the same at every run."""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SITE = "www.bakery.example"
FIRST_DAY = datetime(2026, 11, 21, tzinfo=UTC)
VISITS_A_DAY = 36
SEED = 20261121

BROWSERS = (
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
     " Chrome/146.0.0.0 Safari/537.36"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
     " Version/19.0 Safari/605.1.15"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
     " Gecko) Version/19.0 Mobile/15E148 Safari/604.1"),
    ("Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko)"
     " Chrome/146.0.0.0 Mobile Safari/537.36"),
)
ROBOT = "Mozilla/5.0 (compatible; CrumbBot/1.2; +https://crumbs.example/bot)"
PAGES = ("/", "/bread/", "/bread/rye", "/bread/sourdough", "/cakes/", "/cakes/plum", "/recipes/",
         "/recipes/starter?step=2", "/opening-hours", "/order")
FILES = ("/static/site.css", "/static/oven.jpg", "/feed.xml")
LOST = ("/wp-login.php", "/bread/white", "/cakes/pear")
REFERRERS = ("-", "-", "-", "https://www.search.example/?q=rye+bread",
             "https://social.example/posts/1729", "https://news.example/food/bakeries")
CAMPAIGNS = ("utm_source=letter&utm_medium=email&utm_campaign=advent",
             "utm_source=social&utm_medium=post&utm_campaign=advent",
             "utm_source=letter&utm_medium=email&utm_campaign=plums")


@dataclass(frozen=True)
class Visit:
    """Someone who comes at a moment, asks for a few things, and goes."""

    start: datetime
    address: str
    agent: str


def addresses(dice: random.Random) -> list[str]:
    """Addresses that are kept for documentation and belong to nobody."""
    found = [f"192.0.2.{dice.randrange(1, 255)}" for _ in range(12)]
    found += [f"198.51.100.{dice.randrange(1, 255)}" for _ in range(12)]
    found += [f"2001:db8::{dice.randrange(1, 0xFFFF):x}" for _ in range(6)]
    return found


def visits(dice: random.Random) -> Iterator[Visit]:
    """All visits, in no order; some people come more than once."""
    people = [(address, dice.choice(BROWSERS)) for address in addresses(dice)]
    for day in range(2):
        for _ in range(VISITS_A_DAY):
            start = FIRST_DAY + timedelta(days=day, seconds=dice.randrange(86_000))
            yield Visit(start, *dice.choice(people))
        yield Visit(FIRST_DAY + timedelta(days=day, hours=3), "198.51.100.200", ROBOT)


def lines(visit: Visit, dice: random.Random) -> Iterator[tuple[datetime, str]]:
    """What the server logs of one visit, with the time of each line."""
    moment, referrer = visit.start, dice.choice(REFERRERS)
    robot = visit.agent == ROBOT
    if robot:
        yield moment, logged(visit, moment, "/robots.txt", 200, 68, "-")
    for step in range(dice.randrange(1, 6)):
        target = dice.choice(PAGES)
        if step == 0 and dice.random() < 0.35:
            target = f"{target.partition('?')[0]}?{dice.choice(CAMPAIGNS)}"
        yield moment, logged(visit, moment, target, 200, dice.randrange(900, 30_000), referrer)
        page = f"https://{SITE}{target.partition('?')[0]}"
        if dice.random() < 0.3 and not robot:
            yield moment, logged(visit, moment, dice.choice(FILES), dice.choice((200, 304)),
                                 dice.randrange(400, 90_000), page)
        if dice.random() < 0.08:
            yield moment, logged(visit, moment, dice.choice(LOST), 404, 153, page)
        referrer = "-" if robot else page
        moment += timedelta(seconds=dice.randrange(4, 900))


def logged(visit: Visit, moment: datetime, target: str, status: int, size: int,
           referrer: str) -> str:
    """One line in the combined format."""
    method = "POST" if target == "/order" else "GET"
    sent = "-" if status == 304 else str(size)
    return (f'{visit.address} - - [{moment:%d/%b/%Y:%H:%M:%S %z}] "{method} {target} HTTP/1.1"'
            f' {status} {sent} "{referrer}" "{visit.agent}"')


def log() -> str:
    """The whole log, in order of time."""
    dice = random.Random(SEED)  # noqa: S311 - the same log at every run, no secret
    found = [line for visit in visits(dice) for line in lines(visit, dice)]
    found.sort(key=lambda pair: pair[0])
    return "".join(f"{line}\n" for _, line in found)


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("access.log")).write_text(
        log(), encoding="ascii")
