"""What each service of `Notify` and `Consume` comes to: a store, off, or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tracker.config.read import Values, is_off
from tracker.errors import ConfigError
from tracker.settings import ServiceState, StoreSettings

_BUILT = {
    "chdb": "embedded ClickHouse in {data}/chdb",
    "duckdb": "DuckDB file {data}/duckdb/{context}.duckdb",
}
_INSTEAD = {
    "clickhouse": 'a ClickHouse server is not supported in this version; use "chdb", the embedded'
                  " ClickHouse with the same tables and queries",
    "cassandra": 'Cassandra is not supported in this version; use "chdb" or "duckdb"',
    "nats": 'NATS is not supported in this version; use "chdb" or "duckdb", and HTTP to send',
    "facebook": "the Facebook Conversions API is not supported in this version",
}
_CONTEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Services:
    """The stores that are on, and the word on every service."""

    stores: tuple[StoreSettings, ...]
    states: tuple[ServiceState, ...]
    on: tuple[Values, ...]

    def smallest(self, name: str) -> float | None:
        """The smallest number that a store which is on gives for a key."""
        numbers = [value for values in self.on
                   if isinstance(value := values.get(name), int | float)]
        return min(numbers, default=None)


def read_services(notify: Sequence[Values], consume: Sequence[Values]) -> Services:
    """All services; the embedded store where no other store is named or on."""
    stores: list[StoreSettings] = []
    states: list[ServiceState] = []
    on: list[Values] = []
    for at, values in enumerate(notify):
        key = f"Notify[{at}]"
        state = _state(key, values, _BUILT)
        states.append(state)
        if state.on and state.refusal is None:
            stores.append(_store(key, values, stores))
            on.append(values)
    states.extend(_state(f"Consume[{at}]", values, {}) for at, values in enumerate(consume))
    if not any(state.on for state in states if state.key.startswith("Notify")):
        stores.append(StoreSettings("chdb", "chdb", critical=True))
        states.append(ServiceState("Notify", "chdb", True,
                                   "on, as no other store is: " + _BUILT["chdb"]))
    return Services(tuple(stores), tuple(states), tuple(on))


def _state(key: str, values: Values, built: Mapping[str, str]) -> ServiceState:
    service = str(values.get("Service", ""))
    if is_off(values):
        return ServiceState(key, service, False, "off")
    if service.lower() in built:
        context = str(values.get("Context", "sfpla"))
        says = "on: " + built[service.lower()].replace("{context}", context)
        return ServiceState(key, service.lower(), True, says)
    instead = _INSTEAD.get(service.lower(), _unknown(service))
    refusal = f'{key}: {instead}. To start without it, name it "{service}_" or give it "Skip": true'
    return ServiceState(key, service, True, "refused: " + instead, refusal)


def _unknown(service: str) -> str:
    if not service:
        return 'a service without "Service"; name what it is, such as "chdb"'
    near = get_close_matches(service.lower(), [*_BUILT, *_INSTEAD], n=1, cutoff=0.5)
    meant = f'; did you mean "{near[0]}"?' if near else '; "chdb" and "duckdb" are'
    return f'"{service}" is no known service{meant}'


def _store(key: str, values: Values, before: Sequence[StoreSettings]) -> StoreSettings:
    service = str(values["Service"]).lower()
    context = str(values.get("Context", "sfpla"))
    if not _CONTEXT.fullmatch(context):
        raise ConfigError(f'{key}.Context: "{context}" is no name; use letters, digits and _')
    same = [store for store in before if store.service == service]
    if any(service == "chdb" or store.context == context for store in same):
        raise ConfigError(f"{key}: {service} stands twice; keep one"
                          + ("" if service == "chdb" else " or give it another Context"))
    critical = values.get("Critical")
    return StoreSettings(
        name=f"{service}-{len(same) + 1}" if same else service,
        service=service,
        context=context,
        critical=not before if critical is None else bool(critical),
    )
