"""WebSockets: messages in any frames are durable before they are acknowledged, by count."""

import asyncio
import contextlib
import json
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lz4.block
import pytest
from websockets.frames import Frame
from websockets.sync.client import connect

from harness.process import eventually
from harness.sockets import (
    BINARY,
    CLOSE,
    CONT,
    FIELDS,
    PING,
    PONG,
    TEXT,
    Socket,
    drip,
    frame,
)
from harness.worker import POST, Client, Worker, settings_for, working
from tracker.door.websocket import WebSocket
from tracker.errors import SpoolUnavailable
from tracker.hit import Route
from tracker.settings import DoorSettings

EVENT = b'{"ename":"seen"}'
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@pytest.fixture
def opened(worker: Worker) -> Iterator[Socket]:
    with Socket(worker.ports[0]) as opened:
        yield opened


def bodies(worker: Worker) -> list[Any]:
    """All events of WebSockets that are durable, in order."""
    return [event for hit in worker.hits() if hit.route == Route.WS
            for event in json.loads(hit.body)]


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


# Opening.

@pytest.mark.parametrize("target", ["/tr/v1/ws", "/tr/v1/ws/", "/tr/v1/ws?a=1", "/tr/v1/ws/a/1"])
def test_a_handshake_is_answered(worker: Worker, target: str) -> None:
    with Socket(worker.ports[0], target=target) as opened:
        assert 101 == opened.status
        headers = dict(opened.headers)
        assert "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" == headers["sec-websocket-accept"]
        assert "sec-websocket-extensions" not in headers
        assert {"vid", "sid"} == opened.cookies.keys()
        opened.say({"a": 1})
        assert (1, []) == opened.told(1)


def test_a_handshake_may_come_in_pieces_and_messages_with_it(worker: Worker) -> None:
    with Socket(worker.ports[0], behind=frame(EVENT) + frame(EVENT)) as opened:
        assert (2, []) == opened.told(2)
    whole = "\r\n".join(["GET /tr/v1/ws HTTP/1.1", *FIELDS, "", ""]).encode()
    with Client(worker.ports[0]) as client:
        assert 200 == client.ask(POST).status
        client.send(*[whole[at:at + 7] for at in range(0, len(whole), 7)])
        assert client.line().startswith(b"HTTP/1.1 101 ")


def test_a_handshake_may_stand_behind_another_request(worker: Worker) -> None:
    whole = "\r\n".join(["GET /tr/v1/ws HTTP/1.1", *FIELDS, "", ""]).encode()
    with Client(worker.ports[0]) as client:
        client.send(POST + whole + frame(EVENT))
        assert 200 == client.answer().status
        assert client.line().startswith(b"HTTP/1.1 101 ")
        while client.line().strip():
            pass
        assert b'\x81\x15{"ack":1,"errors":[]}' == client.take(23)


@pytest.mark.parametrize("fields", [
    ("Host: t", "Connection: Upgrade", "Upgrade: websocket"),
    ("Host: t", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
     "Sec-WebSocket-Key: short"),
    ("Host: t", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8",
     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Host: t", "Connection: Upgrade", "Upgrade: websocket, h2c", "Sec-WebSocket-Version: 13",
     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Upgrade: websocket"),
    (*FIELDS, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    (*FIELDS, "Content-Length: 2"),
], ids=["no key", "short key", "old version", "other protocols", "two keys", "a body"])
def test_what_is_no_handshake_is_told_so(worker: Worker, fields: tuple[str, ...]) -> None:
    with Socket(worker.ports[0], *fields, behind=b"{}" if len(fields) == 6 else b"") as opened:
        assert 426 == opened.status
        assert "upgrade_required" == json.loads(opened.body)["error"]["code"]
        assert "13" == dict(opened.headers)["sec-websocket-version"]


def test_deflate_is_agreed_on_without_memory_of_the_last_message(worker: Worker) -> None:
    with Socket(worker.ports[0], DEFLATE) as opened:
        agreed = dict(opened.headers)["sec-websocket-extensions"]
        assert ("permessage-deflate; server_no_context_takeover;"
                " client_no_context_takeover") == agreed
        opened.send(frame(deflated(EVENT), rsv=4) + frame(EVENT))
        assert (2, []) == opened.told(2)
        cut = deflated(EVENT)
        opened.send(frame(cut[:3], rsv=4, fin=False) + frame(b"", PING) + frame(cut[3:], CONT))
        assert (PONG, b"") == opened.frame()
        assert (3, []) == opened.told(3)
    with connect(f"ws://127.0.0.1:{worker.ports[0]}/tr/v1/ws") as client:
        client.send('{"ename":"' + "x" * 5000 + '"}')
        assert {"ack": 1, "errors": []} == json.loads(client.recv())


# Messages.

def test_bad_messages_are_named_and_good_ones_land(worker: Worker, opened: Socket) -> None:
    before = len(bodies(worker))
    opened.send(frame(EVENT) + frame(b"nope") + frame(b'[{"a":1},7]') + frame(b"junk!", BINARY)
                + frame(b'{"last":1}'))
    told = opened.told(5)
    assert [(2, "not_json"), (3, "not_an_object"), (4, "not_lz4")] == told.codes
    assert [None, 1, None] == [error.get("index") for error in told.errors]
    assert [{"ename": "seen"}, {"a": 1}, 7, {"last": 1}] == bodies(worker)[before:]


def test_a_bad_message_alone_is_answered_at_once(opened: Socket) -> None:
    opened.send(frame(b"nope"))
    assert [(1, "not_json")] == opened.told(1).codes


def test_lz4_messages_are_unpacked(worker: Worker, opened: Socket) -> None:
    before = len(bodies(worker))
    opened.send(frame(lz4.block.compress(EVENT), BINARY))
    assert (1, []) == opened.told(1)
    assert [{"ename": "seen"}] == bodies(worker)[before:]


def test_messages_in_pieces_with_control_frames_between_are_put_together(
    worker: Worker, opened: Socket,
) -> None:
    before = len(bodies(worker))
    text = '{"ename":"größe €"}'.encode()
    pieces = [frame(text[at:at + 1], CONT, fin=False) for at in range(1, len(text))]
    opened.send(frame(text[:1], fin=False) + frame(b"one", PING) + b"".join(pieces)
                + frame(b"two", PONG) + frame(b"", CONT))
    assert (PONG, b"one") == opened.frame()
    assert (1, []) == opened.told(1)
    assert [{"ename": "größe €"}] == bodies(worker)[before:]


def test_bytes_may_come_one_by_one(opened: Socket) -> None:
    data = frame(EVENT) + frame(b"", PING) + frame(b"x" * 300) + frame(EVENT)
    opened.send(*[data[at:at + 1] for at in range(len(data))])
    told: list[int] = []
    while not told or told[-1] < 3:
        opcode, data = opened.frame()
        told += [json.loads(data)["ack"]] if opcode == TEXT else []
    assert sorted(told) == told


def test_answers_come_in_order_and_never_before_the_sync(tmp_path: Path) -> None:
    held = threading.Lock()
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        commit = worker.edge.spool._commit

        def slow(items: Any) -> Any:
            with held:
                return commit(items)

        worker.edge.spool._commit = slow  # type: ignore[method-assign]  # the disk takes its time
        with held:
            opened.say(*[{"k": number} for number in range(50)])
            opened.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                opened.socket.recv(1)
        opened.socket.settimeout(15)
        assert (50, []) == opened.told(50)
        assert [{"k": number} for number in range(50)] == bodies(worker)


def test_a_spool_that_takes_nothing_is_told_per_message(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        opened.say({"k": 1})
        assert (1, []) == opened.told(1)
        worker.call(worker.edge.spool.block, "the disk is full")
        opened.send(frame(b'{"k":2}') + frame(b"nope") + frame(b'{"k":4}'))
        assert [(2, "unavailable"), (3, "not_json"), (4, "unavailable")] == opened.told(4).codes
        worker.call(worker.edge.spool.block, None)
        opened.say({"k": 2})
        assert (5, []) == opened.told(5)
        assert [{"k": 1}, {"k": 2}] == bodies(worker)


def test_a_commit_that_fails_is_told_per_message(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        commit = worker.edge.spool._commit

        def failing(items: Any) -> Any:
            worker.edge.spool._commit = commit  # type: ignore[method-assign]  # fails once
            return SpoolUnavailable("no disk")

        worker.edge.spool._commit = failing  # type: ignore[method-assign]  # the disk fails once
        opened.send(frame(EVENT) + frame(b"[{},1]") + frame(EVENT))
        assert [(number, "unavailable") for number in (1, 2, 3)] == opened.told(3).codes
        opened.say({"k": 1})
        assert (4, []) == opened.told(4)


def test_many_errors_come_in_frames_of_bearable_size(opened: Socket) -> None:
    threading.Thread(target=opened.send, args=(frame(b"x") * 3000,)).start()
    before = 0
    told: list[int] = []
    while before < 3000:
        opcode, data = opened.frame()
        assert TEXT == opcode
        assert len(data) < 1 << 18
        said = json.loads(data)
        assert all(error["n"] > before for error in said["errors"])
        told += [error["n"] for error in said["errors"]]
        assert told[:said["ack"]] == [*range(1, said["ack"] + 1)]
        before = said["ack"]
    assert 3000 == len(told)


def test_who_does_not_read_is_read_no_more(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        opened.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            opened.socket.sendall(frame(b"x") * (10 << 20))


# Ends.

@pytest.mark.parametrize(("data", "code"), [
    (frame(EVENT, masked=False), 1002),
    (frame(EVENT, rsv=4), 1002),
    (frame(EVENT, rsv=1), 1002),
    (frame(EVENT, 3), 1002),
    (frame(EVENT, 11), 1002),
    (frame(b"x", CONT), 1002),
    (frame(b"x", fin=False) + frame(EVENT), 1002),
    (frame(b"x", PING, fin=False), 1002),
    (frame(b"x" * 126, PING), 1002),
    (frame(b"x", CLOSE), 1002),
    (frame((999).to_bytes(2, "big"), CLOSE), 1002),
    (frame((1005).to_bytes(2, "big"), CLOSE), 1002),
    (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007),
    (frame(b'{"a":"\xff"}'), 1007),
    (frame(b'{"a":"\xe2', fin=False) + frame(b'\x82"}', CONT), 1007),
    (frame(b"", length=(4 << 20) + 1), 1009),
    (frame(b"", length=1 << 62), 1009),
    (frame(b"x" * (3 << 20), fin=False) + frame(b"x" * (2 << 20), CONT), 1009),
    (frame(b"", CLOSE), 0),
    (frame((1000).to_bytes(2, "big") + b"bye", CLOSE), 1000),
    (frame((4001).to_bytes(2, "big"), CLOSE), 4001),
])
def test_an_end_has_its_code_and_what_came_before_is_acknowledged(
    opened: Socket, data: bytes, code: int,
) -> None:
    opened.send(frame(EVENT) + data)
    assert (1, []) == opened.told(1)
    found, reason = opened.closed()
    assert code == found
    assert reason or code in {0, 1000, 4001}


def test_what_stands_behind_a_fault_is_not_taken(worker: Worker, opened: Socket) -> None:
    before = len(bodies(worker))
    opened.send(frame(b'{"a":1}') + frame(b'"\xff"') + frame(b'{"a":2}'))
    assert (1, []) == opened.told(1)
    assert 1007 == opened.closed()[0]
    assert [{"a": 1}] == bodies(worker)[before:]


def test_a_bomb_is_refused_before_it_is_inflated(worker: Worker) -> None:
    with Socket(worker.ports[0], DEFLATE) as opened:
        opened.send(frame(deflated(bytes(64 << 20)), rsv=4))
        assert 1009 == opened.closed()[0]
    with Socket(worker.ports[0], DEFLATE) as opened:
        opened.send(frame(b"\xff" * 50, rsv=4))
        assert 1002 == opened.closed()[0]


def test_a_stop_acknowledges_then_says_good_bye(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened, \
            Socket(worker.ports[0]) as idle:
        opened.say(*[{"k": number} for number in range(100)])
        stopping = worker.submit(worker.edge.door.stop(5.0))
        acked = 0
        while (said := opened.frame())[0] == TEXT:
            acked = json.loads(said[1])["ack"]
        assert (CLOSE, 1001) == (said[0], int.from_bytes(said[1][:2], "big"))
        opened.close()
        assert 1001 == idle.closed()[0]
        stopping.result(5)
        assert acked <= len(bodies(worker)) <= 100


def test_a_stop_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        commit = worker.edge.spool._commit

        def slow(items: Any) -> Any:
            time.sleep(0.5)
            return commit(items)

        worker.edge.spool._commit = slow  # type: ignore[method-assign]  # the disk takes its time
        opened.say({"k": 1})
        eventually(lambda: worker.edge.spool.pending_bytes > 0, 5, "the message has come")
        stopping = worker.submit(worker.edge.door.stop(5.0))
        assert (1, []) == opened.told(1)
        assert 1001 == opened.closed()[0]
        stopping.result(5)


def test_a_client_that_hangs_up_keeps_what_was_acknowledged(worker: Worker) -> None:
    before = len(bodies(worker))
    with Socket(worker.ports[0]) as opened:
        opened.say({"k": 1})
        opened.told(1)
        opened.send(frame(b'{"half":'[:5], fin=False))
    with Socket(worker.ports[0]) as opened:
        opened.say({"k": 2})
        opened.told(1)
    assert [{"k": 1}, {"k": 2}] == bodies(worker)[before:]


# Time and room.

def test_a_silent_client_is_asked_and_then_let_go(hasty: Worker) -> None:
    with Socket(hasty.ports[0]) as opened:
        begun = time.monotonic()
        assert (PING, b"") == opened.frame()
        assert 1.0 < time.monotonic() - begun < 5
        opened.send(frame(b"", PONG))
        assert (PING, b"") == opened.frame()  # it lives, so it is kept
        assert 1001 == opened.closed()[0]  # now it does not answer


def test_a_message_byte_by_byte_is_not_borne(hasty: Worker) -> None:
    with Socket(hasty.ports[0]) as opened:
        opened.send(frame(b"{", fin=False))
        drip(opened, frame(b" " * 1000, CONT, fin=False), 10)
        assert 1008 == opened.closed()[0]


def test_room_for_large_messages_is_given_back(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker:
        door = worker.edge.door
        with Socket(worker.ports[0]) as opened:
            opened.send(frame(b'{"a":"' + b"x" * (1 << 20), fin=False))
            eventually(lambda: door.reserved > 1 << 20, 5, "room is taken")
            opened.send(frame(b'"}', CONT))
            assert (1, []) == opened.told(1)
            eventually(lambda: door.reserved == 0, 5, "room is given back")
            opened.send(frame(b'{"a":"' + b"x" * (1 << 20), fin=False))
            eventually(lambda: door.reserved > 1 << 20, 5, "room is taken")
        eventually(lambda: door.reserved == 0, 5, "room is given back")
        worker.call(setattr, door, "reserved", 64 << 20)
        with Socket(worker.ports[0]) as opened:
            opened.send(frame(b" " * (1 << 20), fin=False))
            assert 1013 == opened.closed()[0]
        worker.call(setattr, door, "reserved", 0)


def test_messages_wait_at_the_bound_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracker.door.websocket.UNACKED_MESSAGES", 50)
    monkeypatch.setattr("tracker.door.websocket.SLICE_BYTES", 200)
    with working(settings_for(tmp_path)) as worker, Socket(worker.ports[0]) as opened:
        threading.Thread(target=opened.say, args=[{"k": n} for n in range(2000)]).start()
        assert (2000, []) == opened.told(2000)
        assert [{"k": n} for n in range(2000)] == bodies(worker)


def test_connections_and_messages_are_counted(tmp_path: Path) -> None:
    with working(settings_for(tmp_path)) as worker:
        with Socket(worker.ports[0]) as opened:
            opened.send(frame(EVENT) + frame(b"nope"))
            opened.told(2)
            counts = worker.call(worker.edge.door.counts, 0)
            assert (1, 1, 2) == (counts.connections, counts.websockets, counts.messages)
            assert {"ws 101": 1} == counts.requests
            assert 1 == worker.call(lambda: worker.edge.door.connections)
        eventually(lambda: worker.edge.door.connections == 0, 5, "it is gone")


def test_no_more_connections_than_there_may_be(tmp_path: Path) -> None:
    door = DoorSettings(connections=2)
    with working(settings_for(tmp_path, door)) as worker, Socket(worker.ports[0]) as one, \
            Socket(worker.ports[0]) as two:
        with Client(worker.ports[0]) as third:
            assert 503 == third.answer().status
        for opened in (one, two):
            opened.say({"a": 1})
            assert (1, []) == opened.told(1)


def test_many_small_frames_leave_others_their_turn(
    opened: Socket, monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns: list[int] = []
    turn, take = WebSocket._take_what_came, WebSocket._take

    def counted_turn(self: WebSocket, transport: asyncio.Transport) -> None:
        turns.append(0)
        turn(self, transport)

    def counted_take(self: WebSocket, frame: Frame) -> None:
        turns[-1] += 1
        take(self, frame)

    monkeypatch.setattr(WebSocket, "_take_what_came", counted_turn)
    monkeypatch.setattr(WebSocket, "_take", counted_take)
    opened.send(frame(b"", PING) * 50_000)
    with contextlib.suppress(TimeoutError):
        opened.socket.settimeout(1)
        while sum(turns) < 50_000:
            opened.frame()
    assert 5_000 > max(turns)
