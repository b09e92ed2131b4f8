"""Every parser that sees bytes from outside, in one table: a new one is a line here.

`check` is a function in `fuzz/checks/` that takes any bytes and raises when something does not
hold; `seeds` one in `fuzz/seeds.py`.
"""

from fuzz import seeds
from fuzz.checks import (
    config,
    door,
    importing,
    intake,
    links,
    places,
    query,
    refine,
    servers,
    spool,
    websocket,
)
from fuzz.target import Target

TARGETS: tuple[Target, ...] = (
    Target("door", "connections: the same hits and answers however packets were cut; answers well"
           " formed, refusals 4xx in the error shape; no credentials kept", door.check,
           seeds.requests),
    Target("intake", "requests: refused with 4xx, or a hit of which refining finds every event",
           intake.check, seeds.requests),
    Target("websocket", "frames of a WebSocket: the same events, errors and close code however"
           " packets were cut; no answer but counts, pongs and one close", websocket.check,
           seeds.websockets),
    Target("packed", "LZ4 messages: never more than the bound; what was packed comes back",
           websocket.check_packed, seeds.packed),
    Target("json", "bodies of JSON: taken whole, and read the same again", intake.check_json,
           seeds.jsons),
    Target("ndjson", "bodies of lines: taken whole, and read the same again", intake.check_ndjson,
           seeds.ndjsons),
    Target("forms", "forms: an answer names the ids that are stored", intake.check_forms,
           seeds.forms),
    Target("links", "path tuples and queries: a cookie names the ids that are stored",
           intake.check_links, seeds.links),
    Target("heads", "header fields and cookies: scrubbed once is scrubbed; ids as stored",
           intake.check_heads, seeds.heads),
    Target("addresses", "IP headers of proxies: one spelling per address, or none",
           intake.check_addresses, seeds.addresses),
    Target("redirects", "redirect targets: only to hosts that are allowed, as a browser reads them",
           intake.check_redirects, seeds.redirects),
    Target("shorturls", "short URLs and where they lead: one spelling, nothing unsafe, no circle",
           links.check_urls, seeds.redirects),
    Target("loads", "bodies that ask for short URLs, JSON and CSV", links.check_loads,
           seeds.loads),
    Target("servers", "what services send: refused with the field, or a whole row for each",
           servers.check, seeds.messages),
    Target("codings", "content codings: never more than the bound; what was packed comes back",
           intake.check_codings, seeds.codings),
    Target("refine", "the whole Refinery over one hit: every event a row or a dead letter, `params`"
           " JSON without personal keys", refine.check, seeds.requests),
    Target("params", "objects: JSON out, no two values with one path", refine.check_params,
           seeds.objects),
    Target("values", "texts as numbers, flags, times, ids, addresses of pages; typing loses"
           " nothing", refine.check_values, seeds.texts),
    Target("agents", "User-Agent headers", refine.check_agents, seeds.agents, most=2048),
    Target("hits", "spool records: a hit that comes back as written, or none", refine.check_hits,
           seeds.hits),
    Target("accesslog", "files to import: every line an event that refines to one row, or a reason;"
           " packed, read in pieces and read again the same", importing.check, seeds.logs),
    Target("damage", "damaged segments: intact records found, in order, none made up", spool.check,
           seeds.damages, most=256),
    Target("segments", "any bytes as a segment: reading ends, nothing is made up",
           spool.check_segments, seeds.segments),
    Target("marks", "any bytes as a mark", spool.check_marks, seeds.marks, most=128),
    Target("places", "GeoIP data in any format: refused with words, or every lookup has an answer",
           places.check, seeds.places),
    Target("forms-of-places", "any bytes as the mapped form: told to be damaged, or bounded",
           places.check_form, seeds.forms_of_places),
    Target("tokens", "SQL in pieces: joined they are the text", query.check_tokens, seeds.queries),
    Target("fence", "the fence over any spelling: no name out of bounds passes", query.check_fence,
           seeds.queries),
    Target("protocol", "URL, headers and body of a query: within bounds, or refused",
           query.check_protocol, seeds.protocols),
    Target("config", "config files: settings that a start takes, or an error with its key",
           config.check, seeds.configs),
    Target("goregex", "patterns of Go: one that compiles, or an error", config.check_goregex,
           seeds.patterns, most=512),
)
