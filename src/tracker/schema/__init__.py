"""Tables and columns as data; the statements that make them in each store's dialect."""
