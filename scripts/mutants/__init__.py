"""Mistakes planted on purpose: whether the tests notice them. ``make mutants``; not part of CI."""
