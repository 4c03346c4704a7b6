"""What several benchmarks measure with; none of it is a benchmark, so run.py doesn't see it."""
