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

-- Requests are due at a fixed rate, whatever the answers do: each goes out when its moment has come
-- and a connection is free. What a slow server holds up goes out as soon as it can, so as many are
-- sent in the end. To the millisecond, as `delay` knows no less.
function pace(rate)
  local ffi = require("ffi")
  ffi.cdef("typedef struct { long seconds, nanoseconds; } moment;"
    .. "int clock_gettime(int, moment *);")
  local moment, began, sent = ffi.new("moment[1]"), nil, 0
  function delay()
    ffi.C.clock_gettime(1, moment)  -- the monotonic clock
    local now = tonumber(moment[0].seconds) + tonumber(moment[0].nanoseconds) / 1e9
    began = began or now
    sent = sent + 1
    return math.max((began + sent / rate - now) * 1000, 0)
  end
end
