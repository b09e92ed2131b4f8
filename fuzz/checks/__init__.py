"""What must hold of each parser, for any bytes."""
