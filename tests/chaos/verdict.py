"""What must hold once all faults are over: each event exactly once, in every store and table."""

from collections.abc import Iterable
from decimal import Decimal

from chaos.arena import STORES, Arena, Broken
from harness.load import Sent, items_of
from harness.process import eventually
from tracker.schema.table import Derived, Keep
from tracker.schema.tables import DERIVED

_LANDED_SECONDS = 90.0
_SHOWN = 10


class Verdict:
    """Judges round after round; remembers what earlier rounds left in the stores."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._tracker = arena.tracker
        self.total = 0
        self.cents = 0

    def judge(self, name: str, sent: list[Sent]) -> int:
        """Compare the stores with what the clients of a round know; `name` is that of its events.

        Gives the number of its events. Raises `Broken`.
        """
        acknowledged = set().union(*(one.acknowledged for one in sent))
        self._tracker.flush()
        early = acknowledged - self._rows("chdb", name).keys() - self._arena.destroyed
        _expect("chdb", "not there after a flush", early)
        self._wait_until_landed()
        unknown = set().union(*(one.unknown for one in sent))
        found = {store: self._rows(store, name) for store in STORES}
        for store, rows in found.items():
            twice = {key for key, count in rows.items() if count != 1}
            missing = acknowledged - rows.keys() - self._arena.destroyed
            invented = rows.keys() - acknowledged - unknown
            _expect(store, "landed more than once", twice)
            _expect(store, "acknowledged and lost", missing)
            _expect(store, "there and never sent", invented)
        first, second = (set(found[store]) for store in STORES)
        _expect(" and ".join(STORES), "not in both", first ^ second)
        self._check_payments(name, first & set().union(*(one.payments for one in sent)))
        self._check_sums(len(first))
        return len(first)

    def _wait_until_landed(self) -> None:
        def landed() -> bool:
            return all(state["reachable"] and state["lag_events"] == 0
                       for state in self._tracker.health()["stores"].values())
        try:
            eventually(landed, _LANDED_SECONDS, "all stores have all batches")
            eventually(self._is_well, 15, "/health says that all is well")
        except (AssertionError, OSError) as error:
            raise Broken(f"{error}; /health: {self._tracker.health()}") from None

    def _is_well(self) -> bool:
        """Whether nothing is wrong but bytes that were damaged on purpose."""
        health = self._tracker.health()
        damaged = bool(health["spool"]["corrupt"])
        return health["status"] == ("degraded" if damaged else "ok") \
            and (not damaged or bool(self._arena.destroyed))

    def _ask(self, store: str, query: str) -> list[dict[str, object]]:
        if store == "chdb":
            return self._tracker.sql(query.replace("{db}", "sfpla."))
        return self._tracker.sql_of(store, query.replace("{db}", ""))

    def _value(self, store: str, query: str) -> int:
        return int(str(next(iter(self._ask(store, query)[0].values()))))

    def _rows(self, store: str, name: str) -> dict[str, int]:
        """How often each event of a round is there."""
        mark = {"chdb": "params.k::String", "duckdb": "params->>'k'"}[store]
        rows = self._ask(store, f"SELECT {mark} AS k, count(*) AS n FROM {{db}}events"
                                f" WHERE ename = '{name}' GROUP BY 1")
        return {str(row["k"]): int(str(row["n"])) for row in rows}

    def _check_payments(self, name: str, payments: set[str]) -> None:
        """Each line item of these payments is there once, with its amount."""
        expected = {item: amount for mark in payments for item, amount in items_of(mark).items()}
        self.cents += int(sum(expected.values()) * 100)
        for store in STORES:
            rows = self._ask(
                store, "SELECT id, count(*) AS n, CAST(sum(revenue) AS VARCHAR) AS paid"
                       f" FROM {{db}}payments WHERE org = '{name}' GROUP BY id")
            found = {str(row["id"]): (int(str(row["n"])), Decimal(str(row["paid"])))
                     for row in rows}
            _expect(store, "lost", expected.keys() - found.keys(), "line items")
            _expect(store, "there and never sent", found.keys() - expected.keys(), "line items")
            _expect(store, "not there once, as they were sent",
                    (item for item, amount in expected.items() if found[item] != (1, amount)),
                    "line items")

    def _check_sums(self, new: int) -> None:
        """Events, what is derived from them and the account agree, in every store."""
        self.total += new
        for store in STORES:
            expected = {"events": self.total}
            counted = {"events": self._value(store, "SELECT count(*) FROM {db}events"),
                       "different eids": self._value(
                           store, "SELECT count(DISTINCT eid) FROM {db}events"),
                       "landed by the account": self._value(
                           store, "SELECT sum(landed) FROM {db}accounting")}
            expected |= dict.fromkeys(counted, self.total)
            expected["cents in ltv"] = self.cents
            counted["cents in ltv"] = self._value(
                store, "SELECT coalesce(CAST(sum(revenue) * 100 AS BIGINT), 0) FROM {db}ltv")
            counted["accepted - landed - duplicates - filtered - quarantined"] = self._value(
                store, "SELECT sum(accepted) - sum(landed) - sum(duplicates) - sum(filtered)"
                       " - sum(quarantined) FROM {db}accounting")
            counted["second rows of one batch"] = self._value(
                store, "SELECT count(*) - count(DISTINCT batch) FROM {db}accounting")
            counted["dead letters"] = self._value(
                store, "SELECT sum(quarantined) FROM {db}accounting")
            for derived in (derived for derived in DERIVED if derived.source == "events"):
                counted[derived.table.name] = self._value(store, differences(derived))
            wrong = {what: count for what, count in counted.items()
                     if count != expected.get(what, 0)}
            if wrong:
                raise Broken(f"{store}: {wrong} where {self.total} events landed")


def differences(derived: Derived) -> str:
    """A query for the number of keys at which a derived table and the events disagree.

    `newest` tables are compared by their keys alone, `count`ed ones by their sums too. Those made
    of what `events` does not hold must be empty here.
    """
    table = derived.table
    if derived.private is not None:
        return f"SELECT count(*) FROM {{db}}{table.name}"
    keys = [(name, value) for name, value in zip(table.names, derived.values, strict=True)
            if name in table.order]
    sums = list(table.sums) if table.keep is Keep.SUM else []
    stored = ", ".join([*(name for name, _ in keys), *(f"sum({name}) AS {name}" for name in sums)])
    made = ", ".join([*(f"{value} AS {name}" for name, value in keys),
                      *(f"count(*) AS {name}" for name in sums)])
    groups = ", ".join(str(at) for at in range(1, len(keys) + 1))
    one = f"SELECT {stored} FROM {{db}}{table.name} GROUP BY {groups}"
    other = f"SELECT {made} FROM {{db}}events AS e WHERE {derived.where} GROUP BY {groups}"
    return (f"SELECT (SELECT count(*) FROM ({one} EXCEPT {other}) AS a)"
            f" + (SELECT count(*) FROM ({other} EXCEPT {one}) AS b) AS n")


def _expect(where: str, what: str, marks: Iterable[str], of: str = "events") -> None:
    """No event, or other thing, is known of which this would have to be said."""
    named = sorted(marks)
    if named:
        shown = ", ".join(named[:_SHOWN]) + (", …" if len(named) > _SHOWN else "")
        raise Broken(f"{where}: {len(named)} {of} {what}: {shown}")
