"""Errors that tell of the machine and not of the data: what failed may be tried again."""

import pyarrow as pa


def is_scarcity(error: Exception) -> bool:
    """Whether memory, files or threads were short.

    pyarrow has no name of its own for threads: all else that it raises is of a narrower type.
    """
    return isinstance(error, (MemoryError, OSError)) or type(error) is pa.ArrowException
