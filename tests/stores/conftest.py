from harness.kept import kept

__all__ = ["kept"]
