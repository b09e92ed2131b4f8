-- Sends made traffic: each line of the file is one request with a tab where the event's id goes.
-- Arguments: PAUSE FILE MARK [RATE]
-- PAUSE is in milliseconds, 0 for none; RATE is that of all requests a second, 0 for as many as are
-- answered; MARK is 8 hex digits that no other run uses, the start of
-- every id. A line holds head and body, ready but for the id, with \r\n for the ends of lines.
dofile("done.lua")

local requests, mark, count = {}, nil, 0

function init(args)
  pause(tonumber(args[1]))
  mark = args[3]
  if tonumber(args[4] or 0) > 0 then
    pace(tonumber(args[4]))
  end
  for line in io.lines(args[2]) do
    local before, after = line:gsub("\\r\\n", "\r\n"):match("^(.-)\t(.*)$")
    requests[#requests + 1] = {before, after}
  end
end

function request()
  count = count + 1
  local made = requests[count % #requests + 1]
  return made[1] .. string.format("%s-0000-4000-8000-%012x", mark, count) .. made[2]
end
