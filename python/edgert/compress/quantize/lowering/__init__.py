"""Writes the graph of quantised operators."""
