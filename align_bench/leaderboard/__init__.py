"""Records become statistics, and statistics become tables."""

from align_bench.leaderboard.reliability import plot_reliability, reliability, reliability_table
from align_bench.leaderboard.table1 import table1
from align_bench.leaderboard.tables import leaderboard

__all__ = ["leaderboard", "plot_reliability", "reliability", "reliability_table", "table1"]
