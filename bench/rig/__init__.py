"""What measuring needs: servers, loads, processes, figures, reports."""
