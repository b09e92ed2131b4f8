"""What the loads send: one event, batches of it, a browser's headers, made traffic."""

import json
import random
from collections.abc import Iterator

PATH = "/tr/v1/tr/"
PIXEL = "/tr/v1/img/"
TUPLES = ("/tr/v1/tr/vid/14fb0860-b4bf-11e9-8971-7b80435315ac/ROCK/ON/lat/37.232332"
          "/lon/6.32233223/first/true/score/6/ref/14fb0860-b4bf-11e9-8971-7b80435315ac")

EVENT = (
    '{"last":"https://localhost:5001/cw.html","url":"https://localhost:5001/cw.html",'
    '"params":{"type":"a","aff":"Bespoke"},"created":1539102052702,"duration":34752,'
    '"vid":"3d0be300-cbd2-11e8-aa59-ffd128a54d91","first":"false",'
    '"sid":"3d0be301-cbd2-11e8-aa59-ffd128a54d91","tz":"America/Los_Angeles","device":"Linux",'
    '"os":"Linux","sink":"cw$","score":1,"eid":"cw-a","uid":"admin"}')
"""The original's example of a JSON payload, 372 bytes. Its `eid` is no UUID: none is a repeat."""

JSON_HEADERS = "Content-Type: application/json\n"

BROWSER_HEADERS = """\
Connection: keep-alive
sec-ch-ua-platform: "Linux"
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\
 Chrome/142.0.0.0 Safari/537.36
sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"
Content-Type: text/plain;charset=UTF-8
sec-ch-ua-mobile: ?0
Accept: */*
Origin: https://www.example.com
Sec-Fetch-Site: same-site
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: https://www.example.com/shop/shoes/trail-running?page=2&sort=price
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: de-AT,de;q=0.9,en-US;q=0.8,en;q=0.7
Cookie: vid=14fb0860-b4bf-11e9-8971-7b80435315ac; sid=5f0c1d2e-b4bf-11e9-8971-7b80435315ac;\
 CookieConsent=1023; _ga=GA1.2.1203405711.1585149028; _gid=GA1.2.1748811203.1700000000;\
 theme=dark; currency=EUR; cart=9f1b0c7e2a44; seen=1700000000; ab=checkout-b
"""
"""What Chromium sends along, 15 headers besides Host and Content-Length, 0.9 KB."""

ID_CHARACTERS = 36

_AGENTS = (
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
     " Chrome/{}.0.0.0 Safari/537.36"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
     " Chrome/{}.0.0.0 Safari/537.36 Edg/{}.0.0.0"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
     " Version/18.0.{} Safari/605.1.15"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0_{} like Mac OS X) AppleWebKit/605.1.15"
     " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"),
    "Mozilla/5.0 (Android 14; Mobile; rv:{}.0) Gecko/{}.0 Firefox/{}.0",
)
_LANGUAGES = ("en-US,en;q=0.9", "de-AT,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9", "ja,en;q=0.7")
_ZONES = ("Europe/Vienna", "America/Los_Angeles", "Asia/Calcutta", "Australia/Sydney")
_NAMES = (("load", "page"), ("load", "page"), ("load", "page"), ("click", "click"),
          ("reroute", "page"), ("purchase", "conversion"))


def array(events: int) -> str:
    """A JSON array of the one event."""
    return "[" + ",".join([EVENT] * events) + "]"


def lines(events: int) -> str:
    """The one event line by line (NDJSON)."""
    return "\n".join([EVENT] * events) + "\n"


def traffic(count: int, seed: int = 1) -> Iterator[str]:
    """Requests of browsers as lines for `traffic.lua`: visitors, sessions, pages, campaigns."""
    dice = random.Random(seed)
    visitors = [_visitor(dice) for _ in range(max(count // 5, 1))]
    for _ in range(count):
        visitor = dice.choice(visitors)
        body = json.dumps(_event(dice, visitor), separators=(",", ":"))
        yield _request(visitor, body)


def _visitor(dice: random.Random) -> dict[str, str]:
    return {"vid": _uuid(dice), "sid": _uuid(dice), "tz": dice.choice(_ZONES),
            "agent": dice.choice(_AGENTS).replace("{}", str(dice.randint(120, 142))),
            "language": dice.choice(_LANGUAGES)}


def _uuid(dice: random.Random) -> str:
    digits = f"{dice.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _event(dice: random.Random, visitor: dict[str, str]) -> dict[str, object]:
    """A tab stands where the id goes."""
    name, kind = dice.choice(_NAMES)
    page = int(500 * dice.random() ** 3)  # few pages get most visits
    campaign = f"?utm_source=mail&utm_campaign=c{page % 7}" if dice.random() < 0.1 else ""
    event: dict[str, object] = {
        "eid": "\t", "vid": visitor["vid"], "sid": visitor["sid"], "tz": visitor["tz"],
        "ename": name, "etyp": kind, "url": f"https://www.example.com/shop/{page}{campaign}",
        "last": f"https://www.example.com/shop/{dice.randrange(500)}",
        "w": dice.choice((390, 1440, 1920)), "h": dice.choice((844, 900, 1080)), "rel": "2.4.1",
        "params": {"button": f"b{dice.randrange(30)}", "depth": dice.randrange(100)},
    }
    if campaign:
        event |= {"source": "mail", "campaign": f"c{page % 7}"}
    if name == "purchase":
        event |= {"score": dice.randrange(1, 500), "ptyp": "shop"}
    return event


def _request(visitor: dict[str, str], body: str) -> str:
    """Head and body on one line. JSON writes a tab as two characters, one line needs one."""
    body = body.replace("\\t", "\t")
    head = (f"POST {PATH} HTTP/1.1", "Host: tracker.example.com",
            f"Content-Length: {len(body) - 1 + ID_CHARACTERS}",
            f"User-Agent: {visitor['agent']}", "Content-Type: text/plain;charset=UTF-8",
            "Accept: */*", "Origin: https://www.example.com",
            "Referer: https://www.example.com/", "Accept-Encoding: gzip, deflate, br",
            f"Accept-Language: {visitor['language']}", "", "")
    return "\\r\\n".join(head) + body
