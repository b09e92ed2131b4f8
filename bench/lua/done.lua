-- What every script loads: the result of a run as one line of JSON, and pauses between requests.
function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"microseconds":%d,"status":%d,"connect":%d,"read":%d,"write":%d,'
      .. '"timeout":%d,"p50":%d,"p99":%d,"max":%d}',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read,
    errors.write, errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end

-- Each connection waits so long before each of its requests; wrk looks for `delay` after `init`.
function pause(milliseconds)
  if milliseconds > 0 then
    function delay()
      return milliseconds
    end
  end
end
