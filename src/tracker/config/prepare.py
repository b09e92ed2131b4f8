"""What a first start makes: the data directory, the key of the hashes, the certificate."""

import secrets
from dataclasses import replace
from pathlib import Path

from tracker.config.check import refusals
from tracker.durable import Files, make_directory, write_file
from tracker.errors import ConfigError
from tracker.settings import Settings
from tracker.tls import self_signed

KEY_FILE = "private.key"
_KEY_BYTES = 32


def prepare(settings: Settings) -> Settings:
    """`settings` ready for a start, with what was missing made in the data directory.

    Raises `ConfigError` when no start is possible, naming every reason.
    """
    reasons = refusals(settings)
    if reasons:
        raise ConfigError("\n".join(reasons))
    try:
        make_directory(Files(), settings.data_directory)
        return _with_certificate(_with_private_key(settings))
    except OSError as error:
        raise ConfigError(f"DataDirectory: {error.filename or settings.data_directory}:"
                          f" {error.strerror}") from error


def _with_private_key(settings: Settings) -> Settings:
    if settings.refine.private_key:
        return settings
    key = _private_key(settings.data_directory / KEY_FILE)
    return replace(settings, refine=replace(settings.refine, private_key=key))


def _private_key(path: Path) -> bytes:
    if not path.exists():
        write_file(Files(), path, secrets.token_bytes(_KEY_BYTES))
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise ConfigError(f"{path}: must hold {_KEY_BYTES} bytes; bring it back from a backup, or"
                          " remove it and accept that the hashes of new events differ")
    return key


def _with_certificate(settings: Settings) -> Settings:
    if settings.tls_certificate is not None or not any(
            listener.tls for listener in settings.listeners):
        return settings
    certificate, key = self_signed(settings.data_directory / "tls")
    return replace(settings, tls_certificate=certificate, tls_key=key)
