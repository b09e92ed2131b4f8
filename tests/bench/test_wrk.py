"""wrk: what it is told, and what is read from what it prints."""

import pytest

from bench.rig.wrk import Load, LoadFailed, Outcome, command, parse

PRINTED = """\
Running 2s test @ http://127.0.0.1:8880
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.94ms  102.28us   5.12ms   90.00%
    Req/Sec    50.00k     1.20k   55.00k    72.00%
  100000 requests in 2.00s, 9.54MB read
Requests/sec:  50000.00
{"requests":100000,"microseconds":2000000,"status":0,"connect":1,"read":2,"write":3,"timeout":4,\
"p50":900,"p99":1500,"max":5120}
"""


def test_the_line_of_json_is_found_in_what_wrk_prints() -> None:
    expected = Outcome(requests=100_000, seconds=2.0, failed=0, broken=10, p50=0.0009, p99=0.0015,
                       most=0.00512)

    assert expected == parse(PRINTED)
    assert 50_000 == expected.rate


def test_refusals_are_counted() -> None:
    assert 7 == parse(PRINTED.replace('"status":0', '"status":7')).failed


def test_output_without_a_result_is_a_failure_that_says_what_came() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_run_in_no_time_has_no_rate() -> None:
    assert 0 == Outcome(0, 0.0, 0, 0, 0.0, 0.0, 0.0).rate


def test_the_script_gets_its_arguments_behind_two_dashes() -> None:
    told = command(Load("same.lua", ("0", "GET"), connections=8), "http://127.0.0.1:1", 3.4)

    assert ["http://127.0.0.1:1", "--", "0", "GET"] == told[-4:]
    assert "8" == told[told.index("--connections") + 1]


def test_wrk_knows_whole_seconds_only_and_at_least_one() -> None:
    told = command(Load("same.lua", ()), "http://127.0.0.1:1", 0.2)

    assert "1s" == told[told.index("--duration") + 1]
