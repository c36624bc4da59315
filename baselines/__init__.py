"""Baselines and the Siamese aligner, registered by the same entry points as anyone's plugin."""
