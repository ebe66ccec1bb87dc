"""Weights that make up for errors, chosen while the network runs beside its quantised form."""
