"""Self-hosted user telemetry: events in, nothing lost, answers out."""

__version__ = "0.1.0"
