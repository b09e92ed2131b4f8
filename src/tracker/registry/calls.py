"""What workers and commands ask of the process that writes the registry, and what they are told."""

from typing import Annotated, Any

import msgspec

SCOPES = ("collect-server", "redirects", "read", "privacy", "admin")
"""What an account or a key may do; `admin` may all."""

ACCOUNT_ACTIONS = ("add", "list", "change", "password", "disable", "enable", "delete", "key",
                   "change-key", "revoke")
"""What `tracker account` can do."""

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET

Number = Annotated[int, msgspec.Meta(ge=-(1 << 53), le=1 << 53)]
"""What every JSON reader keeps; MessagePack has no larger ones than 64 bits."""


class Credential(msgspec.Struct, frozen=True):
    """Who asks: a key, or an account with its password; and from where."""

    address: str
    key: str = ""
    uid: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Credential(…)"


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A short URL as it is asked for; what is derived is taken and not read."""

    urlfrom: str
    urlto: str | Unset = UNSET
    oid: str | Unset = UNSET
    org: str | Unset = UNSET
    pass_query: bool | Unset = UNSET
    expires: str | Number | Unset | None = UNSET
    max_clicks: Number | Unset | None = UNSET
    hostfrom: Any = UNSET
    slugfrom: Any = UNSET
    hostto: Any = UNSET
    pathto: Any = UNSET
    searchto: Any = UNSET


DERIVED = ("hostfrom", "slugfrom", "hostto", "pathto", "searchto")
"""Fields of a `Wish` that say nothing: so that a link can be sent as it was told."""


class PutLinks(msgspec.Struct, frozen=True, tag=True):
    """Make or replace links, all or none; with `change` alter those that are there.

    With `host` all must be of it.
    """

    who: Credential
    wishes: list[Wish]
    host: str = ""
    change: bool = False


class FindLinks(msgspec.Struct, frozen=True, tag=True):
    """The links of a host behind the slug `after`, `most` of them; or the one of `urlfrom`."""

    who: Credential
    host: str = ""
    urlfrom: str = ""
    after: str = ""
    most: int = 1_000


class DropLink(msgspec.Struct, frozen=True, tag=True):
    """Delete one link."""

    who: Credential
    urlfrom: str


class Click(msgspec.Struct, frozen=True, tag=True):
    """May this link, of which clicks are limited, be followed? With `count` this is a click."""

    host: str
    slug: str
    count: bool


class Permit(msgspec.Struct, frozen=True, tag=True):
    """May this credential do what needs `scope`? Answered with its account, or refused."""

    who: Credential
    scope: str


class AddAccount(msgspec.Struct, frozen=True, tag=True):
    """A new account; an empty password is none."""

    uid: str
    password: str
    scopes: tuple[str, ...]
    name: str = ""
    hosts: tuple[str, ...] = ()
    expires: int | None = None

    def __repr__(self) -> str:
        return "AddAccount(…)"


class ChangeAccount(msgspec.Struct, frozen=True, tag=True):
    """Change what is named of an account; an empty password is none, no hosts are all."""

    uid: str
    disabled: bool | Unset = UNSET
    password: str | Unset = UNSET
    scopes: tuple[str, ...] | Unset = UNSET
    hosts: tuple[str, ...] | Unset = UNSET
    name: str | Unset = UNSET
    expires: int | Unset | None = UNSET

    def __repr__(self) -> str:
        return "ChangeAccount(…)"


class DropAccount(msgspec.Struct, frozen=True, tag=True):
    """Delete an account with its keys; the links that it made stay."""

    uid: str


class ListAccounts(msgspec.Struct, frozen=True, tag=True):
    """All accounts with their keys, without secrets."""


class AddKey(msgspec.Struct, frozen=True, tag=True):
    """A new key of an account, with scopes that the account has; none given are all of them."""

    uid: str
    scopes: tuple[str, ...] = ()
    name: str = ""
    expires: int | None = None


class ChangeKey(msgspec.Struct, frozen=True, tag=True):
    """Change what is named of a key, within the scopes of its account."""

    id: str
    scopes: tuple[str, ...] | Unset = UNSET
    name: str | Unset = UNSET
    expires: int | Unset | None = UNSET


class DropKey(msgspec.Struct, frozen=True, tag=True):
    """Take a key away."""

    id: str


Call = (PutLinks | FindLinks | DropLink | Click | Permit | AddAccount | ChangeAccount
        | DropAccount | ListAccounts | AddKey | ChangeKey | DropKey)


class Asked(msgspec.Struct, frozen=True):
    """One call; `token` shows that the caller may read the data directory."""

    token: bytes
    call: Call

    def __repr__(self) -> str:
        return "Asked(…)"


class Told(msgspec.Struct, frozen=True):
    """The answer: `value` as JSON, or with a status from 400 on why there is none.

    `rejected` names each of several that is wrong; `retry` is in how many seconds to come again.
    """

    status: int = 200
    value: bytes = b"null"
    code: str = ""
    message: str = ""
    field: str | None = None
    rejected: list[dict[str, Any]] = []
    retry: int = 0
