import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.config import load, prepare
from tracker.config.check import refusals, report
from tracker.config.goregex import compile_go
from tracker.config.keys import KEYS, PORT_KEYS, SERVICE_KEYS, Status
from tracker.config.read import parse
from tracker.errors import ConfigError
from tracker.settings import ConsentSettings, Listener, Settings, StoreSettings

REFERENCE = Path(__file__).parents[2] / "shared" / "data" / "reference-config.json"

PLAIN = {"ProxyExceptHTTP": "127.0.0.1:8880"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(config: Mapping[str, object] | str, environ: Mapping[str, str] | None = None
             ) -> Settings:
    path = Path("config.json")
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return load(path, environ or {})


def refusal(config: Mapping[str, object] | str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(config, environ)
    return str(caught.value)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(None, {})

    assert loaded.path is None
    assert tmp_path / "data" == loaded.data_directory
    assert (
        Listener("", 8880),
        Listener("", 8443, tls=True),
        Listener("", 8080, redirect_to_port=8443),
    ) == loaded.listeners
    assert (StoreSettings("chdb", "chdb", critical=True),) == loaded.stores
    assert ("127.0.0.1", 8123) == (loaded.query.host, loaded.query.port)
    assert 1 <= loaded.workers
    assert () == loaded.warnings
    assert [] == refusals(loaded)


def test_config_json_here_is_found_when_no_file_is_named() -> None:
    Path("config.json").write_text('{"Workers": 3}')

    assert 3 == load(None, {}).workers


def test_a_file_that_is_named_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"gone\.json: cannot be read: No such file"):
        load(Path("gone.json"), {})


def test_names_match_without_regard_to_case() -> None:
    loaded = settings({"proxyexcepthttp": ":80", "SPOOL": {"DAYS": 2}})

    assert (Listener("", 80),) == loaded.listeners
    assert 2.0 == loaded.spool.days


@pytest.mark.parametrize(("config", "message"), [
    ('{"Debug": true,\n "Workers": }', "config.json: line 2, column 13: not JSON"),
    ("[]", "must be a JSON object"),
    ('{"Debug": NaN}', "NaN is not a JSON number"),
    ('{"Debug": true, "debug": false}', "debug: stands twice (first as Debug)"),
    ({"AlowOrigin": "*"}, "AlowOrigin: unknown key; did you mean AllowOrigin?"),
    ({"Zzzzqqq": 1}, "Zzzzqqq: unknown key; remove it"),
    ({"AnonymizeIP": True}, "AnonymizeIP: unknown key; UseRemoveIP does this"),
    ({"Spool": {"Day": 1}}, "Spool.Day: unknown key; did you mean Days?"),
    ({"Notify": [{"Servce": "chdb"}]}, "Notify[0].Servce: unknown key; did you mean Service?"),
    ({"Debug": "yes"}, 'Debug: must be true or false, not "yes"'),
    ({"Workers": 1.5}, "Workers: must be a whole number, not 1.5"),
    ({"Workers": True}, "Workers: must be a whole number, not true"),
    ({"Workers": -1}, "Workers: must be at least 0, not -1"),
    ('{"EidDays": 1e999}', "EidDays: must be a number, not Infinity"),
    ('{"EidDays": ' + "1" * 400 + "}", "EidDays: must be a number, not 111"),
    ('{"EidDays": ' + "1" * 5000 + "}", "not JSON: Exceeds the limit"),
    ({"EidDays": "3"}, 'EidDays: must be a number, not "3"'),
    ({"Domains": "a.example"}, 'Domains: must be a list of texts, not "a.example"'),
    ({"Spool": 7}, "Spool: must be an object, not 7"),
    ({"Notify": {"Service": "chdb"}}, "Notify: must be a list of objects"),
    ({"ProxyExceptHTTP": "8880"}, 'ProxyExceptHTTP: "8880" is no address; write ":8880"'),
    ({"ProxyExceptHTTP": ":70000"}, "is no address"),
    ({"ProxyExceptHTTP": "http://localhost:80"}, "is no address"),
    ({"ProxyExceptHTTP": "::1:80"}, "is no address"),
    ({"ProxyExceptHTTP": ""}, "nothing to listen on"),
    ({"ProxyExceptHTTP": ":80", "ProxyPort": "127.0.0.1:80"}, "port 80 stands in two of"),
    ({**PLAIN, "UseLocalTLS": True}, "TLSCert: missing; UseLocalTLS needs TLSCert and TLSKey"),
    ({"TrustedProxies": ["10.0.0.0/99"]}, 'TrustedProxies: "10.0.0.0/99" is no network'),
    ({"DefaultRedirect": "javascript:alert(1)"}, "DefaultRedirect: "),
    ({"DefaultRedirect": "https://\ud83d/"}, "holds half of a letter"),
    ({"DefaultRedirect": "https://[x]/"}, 'DefaultRedirect: "https://[x]/" is no web address'),
    ({"UrlFilter": "(a"}, "UrlFilter: not a regular expression"),
    ({"QueryPort": "0.0.0.0:8123"}, "QueryPort: 0.0.0.0 can be reached from other machines"),
    ({"Currency": {"Rates": {"USD": "0.92"}}}, "Currency.Rates: no Base to convert into"),
    ({"Currency": {"Base": "Euro"}}, 'Currency.Base: "Euro" is no currency of ISO 4217'),
    ({"Currency": {"Base": "EUR", "Rates": {"US": 1}}}, 'Currency.Rates: "US" is no currency'),
    ({"Currency": {"Base": "EUR", "Rates": {"USD": "0"}}}, "Currency.Rates.USD: 0 is no rate"),
    ({"Currency": {"Base": "EUR", "Rates": {"USD": "nan"}}}, "Currency.Rates.USD: nan is no rate"),
    ({"Currency": {"Base": "EUR", "Rates": {"USD": "a"}}}, "Currency.Rates.USD: a is no rate"),
    ({"Currency": {"Base": "EUR", "Rates": {"USD": 1e10}}}, "is no rate"),
    ({"Currency": {"Base": "EUR", "Rates": {"USD": [1]}}},
     "Currency.Rates: must be an object of numbers"),
    ({"Notify": [{"Service": "chdb", "Context": "a/b"}]}, 'Notify[0].Context: "a/b" is no name'),
    ({"Notify": [{"Service": "chdb"}, {"Service": "chdb"}]}, "Notify[1]: chdb stands twice"),
    ({"Notify": [{"Service": "duckdb"}, {"Service": "duckdb"}]},
     "Notify[1]: duckdb stands twice; keep one or give it another Context"),
])
def test_what_cannot_be_used_is_refused_with_its_key_and_the_mend(
    config: dict[str, object] | str, message: str,
) -> None:
    assert message in refusal(config)


def test_rates_are_taken_as_text_or_number_and_kept_exactly() -> None:
    refine = settings({"Currency": {"Base": "eur", "Rates": {"usd": "0.92", "CHF": 1.07}}}).refine

    assert "EUR" == refine.base_currency
    assert {"USD": Decimal("0.92"), "CHF": Decimal("1.07")} == refine.rates


def test_a_file_that_is_not_utf8_is_refused() -> None:
    Path("config.json").write_bytes(b'{"AllowOrigin": "\xff"}')

    with pytest.raises(ConfigError, match="not UTF-8 at byte 17"):
        load(Path("config.json"), {})


def test_a_byte_order_mark_is_no_error() -> None:
    assert settings("\ufeff{}").path is not None


def test_null_is_as_good_as_missing() -> None:
    assert 8123 == settings({"QueryPort": None}).query.port


@pytest.mark.parametrize(("config", "expected"), [
    ({"ProxyExceptHTTP": ":8880"}, (Listener("", 8880),)),
    ({"ProxyExceptHTTP": "127.0.0.1:0"}, (Listener("127.0.0.1", 0),)),
    ({"ProxyExceptHTTP": "[::1]:80"}, (Listener("::1", 80),)),
    ({"ProxyExceptHTTP": ":http", "ProxyPort": "", "ProxyPortTLS": ":https"},
     (Listener("", 80), Listener("", 443, tls=True))),
    ({"ProxyPort": ":8080"}, (Listener("", 8080, redirect_to_port=443),)),
    ({"ProxyPort": ":8080", "ProxyPortTLS": ":8443"},
     (Listener("", 8443, tls=True), Listener("", 8080, redirect_to_port=8443))),
    ({"ProxyPort": ":8080", "ProxyPortTLS": ":8443", "ProxyPortRedirect": ":443"},
     (Listener("", 8443, tls=True), Listener("", 8080, redirect_to_port=443))),
    ({"ProxyPortRedirect": ":443"},
     (Listener("", 8880), Listener("", 8443, tls=True), Listener("", 8080, redirect_to_port=443))),
])
def test_with_any_port_key_a_missing_one_is_off(
    config: dict[str, object], expected: tuple[Listener, ...],
) -> None:
    assert expected == settings(config).listeners


@pytest.mark.parametrize(("text", "expected"), [
    ("", ("127.0.0.1", None)),
    (":9000", ("127.0.0.1", 9000)),
    ("localhost:0", ("localhost", 0)),
    ("[::1]:9000", ("::1", 9000)),
])
def test_the_query_port_stays_on_this_machine(
    text: str, expected: tuple[str, int | None],
) -> None:
    query = settings({"QueryPort": text}).query

    assert expected == (query.host, query.port)


def test_the_query_port_may_be_reached_from_elsewhere_with_a_password() -> None:
    query = settings({"QueryPort": "0.0.0.0:8123", "QueryPassword": "secret"}).query

    assert ("0.0.0.0", "secret") == (query.host, query.password)
    assert "secret" not in repr(query)


def test_paths_start_at_the_directory_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "tracker.json"
    path.write_text('{"DataDirectory": "../state", "StaticDirectory": "/srv/www"}')

    loaded = load(Path("etc/tracker.json"), {})

    assert (tmp_path / "state").resolve() == loaded.data_directory.resolve()
    assert Path("/srv/www") == loaded.intake.static_directory


def test_marks_are_filled_from_the_environment() -> None:
    loaded = settings(
        {**PLAIN, "DataDirectory": "${BASE}/x", "QueryPassword": "{SECRET}", "Workers": "${N}",
         "Debug": "{ON}", "Domains": ["${HOST}.example"], "AllowOrigin": "{not a mark}"},
        {"BASE": "/srv", "SECRET": "s", "N": "4", "ON": "true", "HOST": "a"})

    assert Path("/srv/x") == loaded.data_directory
    assert ("s", 4, True) == (loaded.query.password, loaded.workers, loaded.debug)
    assert (("a.example",), "{not a mark}") == (loaded.intake.domains, loaded.intake.allow_origin)


@pytest.mark.parametrize("mark", ["${NAME}", "{NAME}", "before ${NAME}"])
def test_a_mark_that_is_not_set_is_refused_where_it_counts(mark: str) -> None:
    assert "QueryPassword: the environment variable NAME is not set" in refusal(
        {"QueryPassword": mark})
    assert "Notify[0].Context: the environment variable" in refusal(
        {"Notify": [{"Service": "chdb", "Context": mark}]})


def test_a_mark_whose_variable_is_no_text_is_refused() -> None:
    assert "PrefixPrivateHash: the environment variable A is not UTF-8" in refusal(
        {**PLAIN, "PrefixPrivateHash": "{A}"}, {"A": "\udcff"})


def test_a_mark_that_is_not_set_is_no_error_where_nothing_reads_it() -> None:
    settings({"S3AccessKeyID": "{NAME}", "Notify": [{"Service": "chdb_", "Context": "{NAME}"}]})


def test_a_secret_can_come_from_a_file() -> None:
    Path("secret").write_text("pass word\n")

    assert "pass word" == settings({"QueryPassword": {"File": "secret"}}).query.password
    assert "QueryPassword: cannot read" in refusal({"QueryPassword": {"File": "gone"}})
    assert "File must be the path of a file" in refusal({"QueryPassword": {"file": 1}})


@pytest.mark.parametrize("service", [
    {"Service": "duckdb_"}, {"Service": "duckdb", "Skip": True}, {"service": "nats_"},
])
def test_a_service_that_is_off_leaves_the_embedded_store(service: dict[str, object]) -> None:
    loaded = settings({"Notify": [service]})

    assert ["chdb"] == [store.name for store in loaded.stores]
    assert [(False, "off"), (True, "on, as no other store is: embedded ClickHouse in {data}/chdb")
            ] == [(state.on, state.says) for state in loaded.services]


def test_the_first_store_is_critical_unless_it_says_otherwise() -> None:
    both: list[dict[str, Any]] = [{"Service": "ChDB"}, {"Service": "duckdb"}]

    assert [True, False] == [store.critical for store in settings({"Notify": both}).stores]
    both[0]["Critical"], both[1]["Critical"] = False, True
    assert [False, True] == [store.critical for store in settings({"Notify": both}).stores]


def test_a_service_twice_gets_a_name_of_its_own() -> None:
    loaded = settings({"Notify": [
        {"Service": "duckdb"}, {"Service": "duckdb", "Context": "second"}]})

    assert [("duckdb", "sfpla"), ("duckdb-2", "second")] == [
        (store.name, store.context) for store in loaded.stores]


@pytest.mark.parametrize(("service", "says"), [
    ("clickhouse", 'use "chdb"'),
    ("cassandra", 'use "chdb" or "duckdb"'),
    ("nats", "is not supported in this version"),
    ("facebook", "is not supported in this version"),
    ("duckbd", 'did you mean "duckdb"?'),
    ("", 'a service without "Service"'),
])
def test_a_service_that_is_not_there_refuses_the_start_and_names_what_to_do(
    service: str, says: str,
) -> None:
    [reason] = refusals(settings({**PLAIN, "Notify": [{"Service": service}]}))

    assert says in reason
    assert reason.startswith("Notify[0]: ")
    assert f'name it "{service}_" or give it "Skip": true' in reason


def test_batches_obey_the_smallest_bounds_of_the_stores_that_are_on() -> None:
    loaded = settings({"Notify": [
        {"Service": "chdb", "MaxBatchSize": 5000},
        {"Service": "duckdb", "MaxBatchSize": 2000, "BatchFlushInterval": 250},
        {"Service": "cassandra_", "MaxBatchSize": 1, "BatchFlushInterval": 1},
    ]})

    assert (2000, 0.25) == (loaded.batches.rows, loaded.batches.linger_seconds)


def test_sections_reach_their_rooms() -> None:
    loaded = settings({
        "Spool": {"SegmentBytes": 1048576, "Bytes": 1e9, "Days": 0.5, "KeepSeconds": 60},
        "TrustedProxies": ["10.0.0.1/8", "::1"], "CreatedPastSeconds": 0,
        "CreatedFutureSeconds": 1, "EidDays": 0, "DeadLetterDays": 2, "StopSeconds": 1.5,
        "Workers": 2, "MaximumConnections": 5, "ReadTimeoutSeconds": 0, "IdleTimeoutSeconds": 7,
        "LegacyHashes": True, "PrefixPrivateHash": "salt", "LowercaseValues": True,
    })

    assert (1048576, 10**9, 0.5, 60.0) == (
        loaded.spool.segment_bytes, loaded.spool.bytes, loaded.spool.days,
        loaded.spool.keep_seconds)
    assert (ip_network("10.0.0.0/8"), ip_network("::1")) == loaded.intake.trusted_proxies
    assert (0, 1) == (loaded.refine.created_past_seconds, loaded.refine.created_future_seconds)
    assert (0.0, 2.0, 1.5) == (
        loaded.batches.eid_days, loaded.batches.dead_letter_days, loaded.stop_seconds)
    assert (3, 20.0, 7.0) == (
        loaded.door.connections, loaded.door.body_seconds, loaded.door.idle_seconds)
    assert ("salt", b"salt", True, True) == (
        loaded.refine.private_prefix, loaded.refine.private_key, loaded.refine.legacy_hashes,
        loaded.refine.lowercase_values)


def test_retired_keys_and_keys_without_effect_are_warnings() -> None:
    loaded = settings({**PLAIN, "SchemaVersion": 3, "PruneLimit": 1, "ProxyUrl": "http://a",
                       "ProxyDailyLimit": 0, "S3Bucket": ""})

    retired, without_effect = loaded.warnings
    assert retired.startswith("SchemaVersion: retired: the schema is brought up to date at start")
    assert "no effect in this version: PruneLimit, ProxyUrl" == without_effect


def test_a_group_that_the_filter_does_not_have_is_a_warning() -> None:
    [warning] = settings({**PLAIN, "UrlFilter": "(a)", "UrlFilterMatchGroup": 2}).warnings

    assert warning.startswith("UrlFilterMatchGroup: UrlFilter has no group 2")


def test_a_first_start_makes_the_key_of_the_hashes_once() -> None:
    loaded = settings(PLAIN)

    first, second = prepare(loaded), prepare(loaded)

    assert 32 == len(first.refine.private_key)
    assert first == second
    path = first.data_directory / "private.key"
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == first.data_directory.stat().st_mode & 0o777
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"private\.key: must hold 32 bytes"):
        prepare(loaded)


def test_a_first_start_makes_a_certificate_where_one_is_needed() -> None:
    prepared = prepare(settings({"ProxyPortTLS": "127.0.0.1:8443"}))

    assert prepared.data_directory / "tls" / "self-signed.pem" == prepared.tls_certificate
    assert [] == refusals(prepared)
    assert prepare(settings(PLAIN)).tls_certificate is None


def test_a_start_is_refused_with_every_reason() -> None:
    loaded = settings({"ProxyPortTLS": ":8443", "UseLocalTLS": True, "TLSCert": "c", "TLSKey": "k",
                       "Notify": [{"Service": "clickhouse"}]})

    with pytest.raises(ConfigError) as caught:
        prepare(loaded)

    assert ["Notify[0]", "TLSCert", "TLSKey"] == [
        line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert not loaded.data_directory.exists()


def test_a_certificate_without_its_key_is_refused() -> None:
    Path("pair.pem").write_text("no certificate")
    loaded = settings({"ProxyPortTLS": ":8443", "UseLocalTLS": True, "TLSCert": "pair.pem",
                       "TLSKey": "pair.pem"})

    [reason] = refusals(loaded)

    assert reason.startswith("TLSCert, TLSKey: ")


def test_a_data_directory_that_cannot_be_made_is_refused() -> None:
    Path("file").touch()

    with pytest.raises(ConfigError, match="DataDirectory: "):
        prepare(settings({**PLAIN, "DataDirectory": "file/data"}))


def test_a_query_that_is_not_to_be_read_is_not_read_before_the_answer_either() -> None:
    loaded = settings({**PLAIN, "IgnoreQueryParamsKey": "igqp"})

    assert ("igqp", "igqp") == (loaded.intake.ignore_query_key, loaded.refine.ignore_query_key)


def test_consent_is_asked_for_where_it_is_configured() -> None:
    assert ConsentSettings() == settings(PLAIN).refine.consent
    loaded = settings({**PLAIN, "Consent": {"Identity": 1024, "params": 4096, "Assumed": 1}})

    assert ConsentSettings(1024, 4096, 1) == loaded.refine.consent == loaded.intake.consent


@pytest.mark.parametrize(("consent", "words"), [
    ({"Identity": -1}, "Consent.Identity: must be at least 0"),
    ({"Identity": 1 << 63}, "Consent.Identity: must be a whole number"),
    ({"Identity": "all"}, "Consent.Identity: must be a whole number"),
    ({"Identities": 1}, "Consent.Identities: unknown key; did you mean Identity?"),
    (1024, "Consent: must be an object"),
])
def test_bits_of_consent_that_cannot_be_are_named(consent: Any, words: str) -> None:
    assert words in refusal({**PLAIN, "Consent": consent})


@pytest.mark.parametrize(("text", "level"), [
    ("", None), ("warning", 30), (" Error ", 40)])
def test_own_lines_are_kept_from_a_level_on(text: str, level: int | None) -> None:
    assert level == settings({**PLAIN, "OwnLogs": text}).own_logs


def test_a_level_that_is_none_is_named() -> None:
    assert 'OwnLogs: "loud" is no level; write warning or error' in refusal(
        {**PLAIN, "OwnLogs": "loud"})


def test_the_config_of_the_original_loads_unmodified() -> None:
    if not REFERENCE.exists():
        pytest.skip("the config file of the original is not at hand")

    loaded = load(REFERENCE, {})

    assert [False, True, False, False, False, False, False] == [
        state.on for state in loaded.services]
    assert any('use "chdb"' in reason for reason in refusals(loaded))
    assert (8880, 8443, 8080) == tuple(listener.port for listener in loaded.listeners)
    assert (True, "igqp") == (loaded.refine.remove_ip, loaded.refine.ignore_query_key)
    pattern = loaded.refine.url_filter
    assert pattern is not None
    match = pattern.search("https://tr.sfpl.io:8443/a/b?c=1")
    assert match is not None
    assert "/a/b" == match[loaded.refine.url_filter_group]
    assert "clickhouse: refused" in report(loaded)


def test_the_config_of_the_repository_starts_without_a_warning() -> None:
    loaded = load(Path(__file__).parents[1] / "config.json", {})

    assert ((), []) == (loaded.warnings, refusals(replace(loaded, path=None)))


def test_every_key_has_a_name_of_its_own_and_a_meaning() -> None:
    for keys in (KEYS, SERVICE_KEYS):
        names = [key.name.lower() for key in keys]
        assert sorted(set(names)) == sorted(names)
        assert all(key.about for key in keys)
    assert set(PORT_KEYS) < {key.name for key in KEYS if key.status is Status.ORIGINAL}


@pytest.mark.parametrize(("pattern", "text", "expected"), [
    (r"(?<host>[^/]+)/", "a.b/c", "a.b/"),
    (r"\Qa.b\E+", "a.bb", "a.bb"),
    (r"[[:alpha:]_]+", "1ab_", "ab_"),
    (r"[^[:digit:]]+", "1ab2", "ab"),
    (r"[]a[]+", "x]a[", "]a["),
    (r"\x{263A}", "a☺", "☺"),
    (r"b\z", "ab", "b"),
    (r"\d+", "٣4", "4"),
    (r"\[:alpha:\]", "[:alpha:]", "[:alpha:]"),
])
def test_patterns_in_gos_syntax_match_as_there(pattern: str, text: str, expected: str) -> None:
    match = compile_go("UrlFilter", pattern).search(text)

    assert match is not None
    assert expected == match[0]


@pytest.mark.parametrize("pattern", ["(", r"\pL", "(?U)a+", "[[:nothing:]]", "a**", r"\x{110000}",
                                     "(?u)a", "(?a)a", "(?ix) a", "(?L:a)"])
def test_patterns_that_cannot_be_kept_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^UrlFilter: "):
        compile_go("UrlFilter", pattern)


@given(st.text() | st.text("(?)[]{}\\^-:=!PQEUaiLmsux1"))
def test_any_pattern_compiles_or_is_refused(pattern: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(compile_go("UrlFilter", pattern), re.Pattern)


@given(st.text())
def test_any_text_is_an_object_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text), dict)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nested too deep|not JSON"):
        parse("[" * 100_000)
