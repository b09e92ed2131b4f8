"""What codes and reasons mean, for people; `generate.py` holds them against the code."""

from tracker.batches.account import IMPORT_GAP, NOT_A_HIT, REFINE_FAILED
from tracker.refine.refined import Drop, Reason

ERRORS: dict[str, str] = {
    "bad_amount": "An amount of a payment is no number, or has more digits than are kept: 14 before"
                  " the point, 4 behind it.",
    "bad_currency": "`currency` is no code of ISO 4217.",
    "bad_payments": "`payments` is not an array of objects.",
    "bad_value": "A value of a server message or of an agreement cannot be; `field` says which, the"
                 " message why.",
    "agreements_unavailable": "Agreements are read by the query port, which is off or does not"
                              " answer now.",
    "bad_address": "`ip` is no address.",
    "account_exists": "There is an account of this name already.",
    "account_not_found": "There is no account of this name.",
    "account_refused": "Something of an account or key cannot be; `field` says what.",
    "body_too_large": "The body, or what it unpacks to, has more bytes than a request may. Send"
                      " it in parts.",
    "body_too_slow": "The body came too slowly; see `ReadTimeoutSeconds`.",
    "content_encoding": "400: the body is not what its Content-Encoding says. 415: the coding is"
                        " not supported, or too many are laid over one another.",
    "empty_batch": "An array without events, or without links.",
    "empty_body": "The body is empty, and neither path nor query say anything.",
    "geoip_off": "`UseGeoIP` is off, or its data are still being read.",
    "forbidden": "The key or account is known, but has not the scope, or not this host.",
    "head_too_large_for_batch": "Each event of a batch takes over what the head says: path, query,"
                                " headers, cookies. Events times bytes of the head is too much"
                                " here; send fewer events at once, or a shorter head.",
    "head_too_slow": "The headers came too slowly; see `ReadHeaderTimeoutSeconds`.",
    "headers_too_large": "The headers have more bytes than `MaxHeaderBytes`.",
    "http_error": "Any other refusal of the pages beside the tracking routes; the message says"
                  " what is wrong.",
    "internal_error": "A fault of the tracker's. It is logged and counted"
                      " (`tracker_door_errors_total`).",
    "key_not_found": "There is no key of this id.",
    "link_expired": "The short URL has expired.",
    "link_not_found": "There is no such short URL.",
    "link_refused": "Something of a short URL cannot be; `field` says what. Of many, `rejected`"
                    " says it of each.",
    "link_used_up": "The short URL was followed as often as it may be, or has expired.",
    "malformed_request": "The bytes are no HTTP/1.1 request.",
    "message_too_large": "A message of a WebSocket unpacks to more bytes than a request may have."
                         " Send it in parts.",
    "method_not_allowed": "The path does not take this method; `Allow` names those it takes.",
    "name_too_long": "`vid` and `oid` of a question for agreements may have 1,000 characters.",
    "missing": "A server message lacks what it must have; `field` says what.",
    "no_host": "On the port that redirects to HTTPS: the request names no host to go to.",
    "not_one_agreement": "An agreement is one JSON object; send each by itself.",
    "not_authenticated": "No key and no account came with the request, or none that is known.",
    "not_csv": "The body is said to be CSV and is none.",
    "not_an_object": "Valid JSON, but not an object, where an event must stand.",
    "not_found": "There is nothing at this path.",
    "not_json": "The body is no JSON, or neither JSON nor a form with its content type.",
    "not_lz4": "A binary message of a WebSocket is neither an LZ4 block behind its length nor one"
               " LZ4 frame, or its length is not that of what follows.",
    "not_utf8": "The body is not UTF-8.",
    "origin_refused": "A page of this origin may not open a WebSocket here; see `AllowOrigin`.",
    "private_address": "The address is private, reserved or of this machine, so it is nowhere.",
    "redirect_refused": "`url` is missing, is no safe web address, or leads to a host that is"
                        " neither in `Domains` nor that of `DefaultRedirect`, nor one that a short"
                        " link leads to.",
    "target_too_long": "The request line is too long.",
    "too_deep": "An event is nested too deep.",
    "too_many_attempts": "Too many wrong passwords; see `Retry-After`. Keys are not slowed.",
    "too_many_connections": "More connections than `MaximumConnections`.",
    "too_many_events": "One request holds too many events. Send them in parts.",
    "too_many_items": "The payments of one request hold too many line items, or these would repeat"
                      " too much of what stands beside them. Send them in parts.",
    "too_many_links": "More than 10,000 short URLs at once.",
    "too_many_keys": "An event, a form or a URL names too many values.",
    "too_many_payments": "One request holds too many payments. Send them in parts.",
    "unknown_action": "There is no such question below `/ppi/`.",
    "unknown_address": "The data do not say where the address is.",
    "unknown_key": "A count or an update has a key that is not known there.",
    "unavailable": "Nothing can be made durable now: disk full, budget spent, or too much waits."
                   " **Nothing was accepted**; send the same again after `Retry-After`.",
    "upgrade_required": "The path is a WebSocket's, and the request no handshake of one.",
}

REASONS: dict[str, str] = {
    NOT_A_HIT: "A record in the spool that no version of Tracker wrote.",
    REFINE_FAILED: "Refining failed at it: a defect of Tracker's. Replay it after an upgrade.",
    Reason.NOT_JSON: "Its bytes are no JSON, although the door took them.",
    Reason.NOT_AN_OBJECT: "JSON, but no object.",
    Reason.MISSING: "The body holds fewer events than the door counted.",
    Reason.UNKNOWN_SHAPE: "Written by a version that knows more shapes of bodies.",
}

DROPS: dict[str, str] = {
    IMPORT_GAP: "Lines of an import whose predecessors were lost on the way to the disk. Import the"
                " file again: it goes on where the loss began.",
    Drop.ACCOUNT: "`AccountHashMixer` is set and `acct` is not the account of the host.",
}
