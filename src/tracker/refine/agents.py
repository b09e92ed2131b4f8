"""What a User-Agent header tells: browser, system, kind of device, and whether it is a robot."""

import re
from functools import cache
from typing import NamedTuple

from ua_parser import Domain
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from tracker.refine.hashes import h36
from tracker.refine.memory import remembered

_REMEMBERED = 20_000
_LONGEST = 1024

# Not okhttp, which apps on phones use, and not the phones called Cubot.
_ROBOT = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|headless|lighthouse|pagespeed|phantomjs|puppeteer"
    r"|playwright|selenium|^curl/|^wget/|^python-|^python/|^go-http-client|^java/|libwww"
    r"|^ruby|^axios/|^node-fetch|^apache-httpclient|http-client|feed|\brss\b|fetch|https?://|@"
    r"|monitor|uptime|facebookexternalhit|validator|scrapy|archiver|proxy\b")
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook")
_MOBILE = re.compile(r"mobi|iphone|ipod|blackberry|opera mini|windows phone|symbian|j2me")
_DESKTOP = re.compile(r"windows|macintosh|mac os x|x11|linux|cros ")


class Agent(NamedTuple):
    """What is known of one User-Agent; "" where nothing is. `text` is it in lower case."""

    text: str = ""
    hash: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    bot: bool = False


@cache
def _resolver() -> Resolver:
    return Resolver(load_lazy_builtins())  # takes 0.2 s


class Agents:
    """Describes User-Agents; remembers them, as one costs about 60 µs to take apart."""

    def __init__(self) -> None:
        self._resolve = _resolver()
        self.describe = remembered(self._describe, _REMEMBERED)

    def _describe(self, agent: str) -> Agent:
        """`agent` as it was sent. No User-Agent at all says nothing: that is no robot."""
        if not agent:
            return Agent()
        found = self._resolve(agent[:_LONGEST], Domain.ALL)
        text = agent.lower()
        lower = text[:_LONGEST]
        spider = found.device is not None and found.device.family == "Spider"
        bot = spider or _ROBOT.search(lower) is not None
        return Agent(
            text=text,
            hash=h36(text),
            browser=found.user_agent.family if found.user_agent else "",
            os=found.os.family if found.os else "",
            device="" if bot else device_of(lower),
            bot=bot,
        )


def device_of(agent: str) -> str:
    """desktop, mobile, tablet or "" by the words of an agent in lower case."""
    if _TABLET.search(agent) or ("android" in agent and "mobi" not in agent):
        return "tablet"
    if _MOBILE.search(agent):
        return "mobile"
    return "desktop" if _DESKTOP.search(agent) else ""
