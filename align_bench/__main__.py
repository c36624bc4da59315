"""Lets ``python -m align_bench`` do what ``align-bench`` does."""

from align_bench.cli import main

if __name__ == "__main__":
    main()
