"""Figures of the papers, regenerated."""
