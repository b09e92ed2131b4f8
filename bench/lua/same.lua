-- Sends one request over and over.
-- Arguments: PAUSE METHOD PATH BODY-FILE HEADER-FILE
-- PAUSE is in milliseconds, 0 for none; a header file holds one "Name: value" a line.
dofile("done.lua")

local function read(name)
  local file = assert(io.open(name, "rb"))
  local content = file:read("*a")
  file:close()
  return content
end

function init(args)
  pause(tonumber(args[1]))
  wrk.method = args[2]
  wrk.path = args[3]
  local body = read(args[4])
  if body ~= "" then
    wrk.body = body
  end
  for name, value in read(args[5]):gmatch("([^:\n]+): ([^\n]+)") do
    wrk.headers[name] = value
  end
end
