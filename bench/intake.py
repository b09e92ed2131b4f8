"""CPU time of `Intake.accept` per request: `python bench/intake.py`."""

import time
from collections.abc import Callable

from tracker.intake import Accepted, Intake, Request
from tracker.settings import IntakeSettings

ROUNDS = 7
SECONDS = 0.3

EVENT = (b'{"app":"native","email":"someone@example.com",'
         b'"uid":"179ea090-6e8c-11ea-bb89-1d0ba023ecf8",'
         b'"tz":"Europe/Warsaw","device":"Handset","os":"iOS 13.4","w":375,"h":667,"rel":"1",'
         b'"sid":"c1dcf340-6eaa-11ea-a0b8-6120e9776df7","time":1585149028377,'
         b'"ename":"filter_results","etyp":"filter","ptyp":"own_rooms","page":"1",'
         b'"vid":"016f2740-6e8c-11ea-9f0b-5d70c66851be"}')
NAMELESS = EVENT.replace(b'"sid"', b'"xsi"').replace(b'"vid"', b'"xvi"')
UMLAUT = EVENT.replace(b"own_rooms", "größe".encode())

FEW = b"Host: 127.0.0.1:8880\r\nContent-Type: application/json\r\nContent-Length: 372\r\n"
BROWSER = (
    b"Host: tracker.example.com\r\nConnection: keep-alive\r\nContent-Length: 372\r\n"
    b'sec-ch-ua-platform: "Linux"\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/140.0.0.0 Safari/537.36\r\n"
    b'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"\r\n'
    b"Content-Type: text/plain;charset=UTF-8\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\n"
    b"Origin: https://www.example.com\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n"
    b"Sec-Fetch-Dest: empty\r\nReferer: https://www.example.com/some/page/that/is/long?a=b\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\n")
COOKIE = (b"Cookie: vid=016f2740-6e8c-11ea-9f0b-5d70c66851be; _ga=GA1.2.1203405.1585149028;"
          b" sid=c1dcf340-6eaa-11ea-a0b8-6120e9776df7; session=abcdefghijklmnopqrstuvwxyz\r\n")


def request(fields: bytes, body: bytes, method: bytes = b"POST",
            target: bytes = b"/tr/v1/tr/") -> Request:
    """A request with these headers."""
    head = b"%b %b HTTP/1.1\r\n%b" % (method, target, fields)
    return Request(method, target, head, body, "127.0.0.1", False)


CASES = {
    "POST, 3 headers": request(FEW, EVENT),
    "POST, 15 browser headers": request(BROWSER, EVENT),
    "POST, browser, not ASCII": request(BROWSER, UMLAUT),
    "POST, browser, cookies, ids in the body": request(BROWSER + COOKIE, EVENT),
    "POST, browser, cookies, ids in cookies": request(BROWSER + COOKIE, NAMELESS),
    "POST /str/, 3 headers": request(FEW, EVENT, target=b"/tr/v1/str/"),
    "POST, array of 100": request(FEW, b"[" + b",".join([EVENT] * 100) + b"]"),
    "POST, 100 lines": request(FEW, b"\n".join([EVENT] * 100)),
    "GET, path, browser": request(BROWSER, b"", b"GET", b"/tr/v1/img/vid/016f2740/ename/load"),
}


def cpu(run: Callable[[], object]) -> float:
    """The least CPU time of one call over some rounds, in microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        count, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SECONDS / ROUNDS:
            for _ in range(200):
                run()
            count += 200
        best = min(best, spent / count)
    return best * 1e6


def main() -> None:
    """Print a line per case."""
    intake = Intake(IntakeSettings(), bytes(range(8)))
    for name, case in CASES.items():
        accepted = intake.accept(case)
        assert isinstance(accepted, Accepted)
        each = cpu(lambda case=case: intake.accept(case))  # type: ignore[misc]  # a lambda with a default
        print(f"{each:8.2f} µs  {each / accepted.events:6.2f} µs per event  {name}")


if __name__ == "__main__":
    main()
