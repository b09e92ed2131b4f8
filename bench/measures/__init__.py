"""The ways of measuring: one module each, used by the table of scenarios."""
