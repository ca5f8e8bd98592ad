"""Hand-written training loops of the same DCGANs, one per framework, as baselines."""
