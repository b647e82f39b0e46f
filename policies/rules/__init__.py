"""Predicates over recorded resources: what must hold of each, in plain data, so that every runner can ask them."""
