"""Is this backward right, and if not, why."""
