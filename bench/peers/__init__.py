"""What the tracker is measured beside: other servers, and the limits of the disk."""
