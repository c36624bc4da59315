"""align-bench: the benchmark for audio-to-score alignment."""
