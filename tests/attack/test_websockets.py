"""WebSockets that lie, stall, swell or flood: each ends as it must, and good events land once."""

import select
import threading
import time
import zlib

import lz4.block
import pytest

from harness.attack import Goods, event, landed, memory, new_eid, worker_of
from harness.process import TrackerProcess, eventually
from harness.sockets import BINARY, CONT, PING, TEXT, Socket, frame

pytestmark = pytest.mark.server

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
SWELL_MB = 150
GOOD = b'{"ename":"attack","params":{"k":"frames"}}'


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(("attack", "codes"), [
    (frame(GOOD, masked=False), {1002}),
    (frame(GOOD, length=1 << 62), {1009}),
    (frame(GOOD, length=5 << 20), {1009}),
    (frame(GOOD, rsv=2), {1002}),
    (frame(b'{"a":"\xe2', fin=False) + frame(b"", CONT, fin=False) + frame(b'"}', CONT), {1007}),
    (frame(b"x" * 200, PING), {1002}),
    (b"\xff" * 5000, {1002}),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {1002}),
])
def test_frames_that_are_wrong_end_their_connection_alone(
    tracker: TrackerProcess, goods: Goods, attack: bytes, codes: set[int],
) -> None:
    with Socket(tracker.port) as bystander, Socket(tracker.port) as attacker:
        attacker.send(attack)
        assert attacker.closed()[0] in codes
        bystander.send(frame(goods.body().encode()))
        assert (1, []) == bystander.told(1)
    goods.send()


def test_bombs_take_no_memory(tracker: TrackerProcess, goods: Goods) -> None:
    worker = worker_of(tracker)
    before = memory(worker)
    bomb = deflated(bytes(200 << 20))
    most = lz4.block.compress(b'"' + b" " * ((4 << 20) - 10) + b'"')
    for _ in range(5):
        with Socket(tracker.port, DEFLATE) as attacker:
            attacker.send(frame(bomb, rsv=4))
            assert 1009 == attacker.closed()[0]
    with Socket(tracker.port) as attacker:
        lies = [(4 << 20).to_bytes(4, "little") + b"\xf0" + b"\xff" * 10, b"\xff" * 100,
                (1 << 31).to_bytes(4, "little") + most[4:]]
        attacker.send(b"".join(frame(lie, BINARY) for lie in lies * 100))
        assert {"not_lz4", "message_too_large"} >= {code for _, code in attacker.told(300).codes}
        attacker.send(frame(most, BINARY) * 50)  # 200 MB of JSON that is no event
        assert {"not_json"} == {code for _, code in attacker.told(350).codes}
    goods.send()
    assert memory(worker) - before < SWELL_MB


def test_many_fragments_and_pings_are_borne(tracker: TrackerProcess, goods: Goods) -> None:
    text = goods.body().encode()
    with Socket(tracker.port) as attacker:
        empty = frame(b"", CONT, fin=False)
        pieces = [frame(text[:1], fin=False)]
        for at in range(1, len(text)):
            pieces += [empty * 20, frame(text[at:at + 1], CONT, fin=False)]
        attacker.send(b"".join(pieces) + frame(b"", CONT))
        assert (1, []) == attacker.told(1)


def test_messages_in_pieces_that_never_end_leave_room_for_others(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    worker = worker_of(tracker)
    before = memory(worker)
    attackers = [Socket(tracker.port) for _ in range(30)]
    try:
        for attacker in attackers:  # 105 MB, where 64 may be on their way
            attacker.send(frame(b" " * (3_500 << 10), fin=False))
        time.sleep(1)
        assert memory(worker) - before < SWELL_MB
        goods.send()
        # Whoever came when there was no room was told so; they need not be those that began last.
        told = select.poll()
        for attacker in attackers:
            told.register(attacker.socket, select.POLLIN)
        eventually(lambda: len(told.poll(0)) > 10, 10, "refusals")
        those = {descriptor for descriptor, _ in told.poll(0)}
        assert {1013} == {attacker.closed()[0] for attacker in attackers
                          if attacker.socket.fileno() in those}
    finally:
        for attacker in attackers:
            attacker.close()
    goods.send()


def test_a_client_that_does_not_read_is_read_no_more(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    worker = worker_of(tracker)
    before = memory(worker)
    with Socket(tracker.port) as attacker:
        attacker.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            attacker.socket.sendall((frame(b"x") * 10 + frame(b"", PING)) * (1 << 20))
        goods.send()
        assert memory(worker) - before < SWELL_MB


def test_thousands_of_tiny_messages_land_once(tracker: TrackerProcess, goods: Goods) -> None:
    with Socket(tracker.port) as client:
        threading.Thread(target=client.say, args=[event("tiny", n=n) for n in range(5_000)]).start()
        assert (5_000, []) == client.told(5_000)
    goods.send()
    tracker.flush()
    assert {"tiny": 5_000} == landed(tracker, "tiny")


def test_what_was_not_acknowledged_is_sent_again_and_lands_once(
    tracker: TrackerProcess, goods: Goods,
) -> None:
    events = [event("again", eid=new_eid()) for _ in range(200)]
    for sent in (50, 120, 200):  # a connection breaks, the next begins anew
        with Socket(tracker.port) as client:
            client.say(*events[:sent])
            if sent == len(events):
                assert (200, []) == client.told(200)
    goods.send()
    tracker.flush()
    assert {"again": 200} == landed(tracker, "again")


def test_an_answer_is_no_larger_than_it_must_be(tracker: TrackerProcess) -> None:
    with Socket(tracker.port) as attacker:
        attacker.send(frame(b"[" + b",".join([b"1"] * 9_999) + b",{}]"))
        seen, most = 0, 0
        while seen < 1:
            opcode, data = attacker.frame()
            assert TEXT == opcode
            most = max(most, len(data))
            seen = int(data[7:data.index(b",")])
        assert most < 1 << 17
