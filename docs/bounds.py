"""The bounds of everything that could grow, as the code has them."""

from tracker.batches.files import KEPT_MANIFESTS
from tracker.delivery import courier
from tracker.door import websocket
from tracker.door.door import READING_BYTES
from tracker.door.refusals import LINE_BYTES
from tracker.intake.body import REPEATED_BYTES
from tracker.intake.payments import ITEM_KEYS, MOST_ITEMS
from tracker.lineitems import MOST_OBJECTS, MOST_REPEATED
from tracker.query.inside import CONCURRENT
from tracker.query.protocol import MAX_SQL_BYTES
from tracker.query.turns import WAIT_SECONDS, WAITING
from tracker.schema.clickhouse import KEPT_SECONDS
from tracker.settings import (
    BatchSettings,
    DoorSettings,
    IntakeSettings,
    QuerySettings,
    SpoolSettings,
)
from tracker.spool import writer
from tracker.spool.reserve import MOST_BYTES
from tracker.stores.duckmemory import LARGE_BYTES, RUN_BYTES, RUN_ROWS
from tracker.stores.replica import SPILL_BYTES


def size(count: int) -> str:
    """Bytes in the unit that makes a small number."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << shift and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return f"{count:,} bytes"


def bounds() -> tuple[tuple[str, str], ...]:
    """What is bounded, and by what."""
    front, most, batch = DoorSettings(), IntakeSettings(), BatchSettings()
    disk, asked = SpoolSettings(), QuerySettings()
    return (
        ("bytes that wait for a sync, per worker", f"{size(writer.PENDING_BYTES)}, then 503"),
        ("bytes of one commit group", size(writer.GROUP_BYTES)),
        ("bytes of bodies that are arriving, per worker", f"{size(READING_BYTES)}, then 503"),
        ("messages of one WebSocket that wait for a sync; their bytes",
         f"{websocket.UNACKED_MESSAGES:,}; {size(websocket.UNACKED_BYTES)}, then it is not read"),
        ("bytes of a message, as sent and unpacked", size(most.body_bytes)),
        ("bytes of a body, as sent and unpacked", size(most.body_bytes)),
        ("events of one request", f"{most.events_per_request:,}"),
        ("keys of one event", f"{most.keys_per_event:,}"),
        ("payments of one request; keys of one", f"{MOST_ITEMS:,}; {ITEM_KEYS}"),
        ("nesting of one event", str(most.json_depth)),
        ("events of one request times bytes of its head", size(REPEATED_BYTES)),
        ("objects in the payments of one request; bytes that they take over from beside them",
         f"{MOST_OBJECTS:,}; {size(MOST_REPEATED)}"),
        ("bytes of a head; of its first line",
         f"{size(front.header_bytes)} (`MaxHeaderBytes`); {size(LINE_BYTES)}"),
        ("connections of all workers", f"{front.connections:,} (`MaximumConnections`)"),
        ("seconds for a head; until more of a body comes; to take an answer; between requests",
         "; ".join(f"{seconds:g}" for seconds in (front.header_seconds, front.body_seconds,
                                                  front.write_seconds, front.idle_seconds))),
        ("events of one batch",
         f"{batch.rows:,} (`MaxBatchSize`); {batch.rows_behind:,} when it is behind"),
        ("bytes of one batch, as sent", f"about {size(batch.bytes)}"),
        ("seconds until a batch is sealed", f"{batch.linger_seconds:g} (`BatchFlushInterval`)"),
        ("months that one batch touches", str(batch.partitions)),
        ("spools and waiting batches on disk", f"{size(disk.bytes)} (`Spool.Bytes`)"),
        ("days that a batch waits for a store", f"{disk.days:g} (`Spool.Days`)"),
        ("reserve for a full disk", f"5 % of `Spool.Bytes`, {size(MOST_BYTES)} at most"),
        ("ids remembered to drop repeats",
         f"{batch.eid_entries:,}, for {batch.eid_days:g} days (`EidDays`)"),
        ("batches in flight per store", "1"),
        ("manifests kept one by one; older ones are added up", f"{2 * KEPT_MANIFESTS:,}"),
        ("queries of the embedded engine at once; that wait",
         f"{asked.concurrent}; {WAITING}, for {WAIT_SECONDS:g} seconds, then 503"),
        ("queries of other stores at once", str(CONCURRENT)),
        ("a query's seconds; memory; result; text",
         "; ".join((f"{asked.seconds:g}", size(asked.memory_bytes), size(asked.result_bytes),
                    size(MAX_SQL_BYTES)))),
        ("what a query that needs more memory puts on disk; all of them",
         "; ".join((size(asked.spill_bytes), size(SPILL_BYTES)))),
        ("memory of all queries together",
         f"{size(asked.engine_bytes)}, or a quarter of the machine's"),
        ("memory of the query process, which is killed beyond",
         f"{size(asked.beside_bytes)} more than that"),
        (f"bytes of rows above {size(LARGE_BYTES)} among {RUN_ROWS:,} of a table in DuckDB",
         f"{size(RUN_BYTES)}; a row beyond is set aside"),
        ("seconds that replaced parts stay for queries", str(KEPT_SECONDS)),
        ("seconds between tries at a store that is away", f"{courier._LONGEST_PAUSE:g}"),
    )
