"""A tracking request becomes a hit in the spool and, once that is durable, an answer."""
