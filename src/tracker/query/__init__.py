"""The ClickHouse HTTP protocol in front of the embedded engine."""
