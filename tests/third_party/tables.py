import numpy as np

from wganalyze import DataError, FiniteSource, Values, hookimpl


class Table(FiniteSource):
    """Points in a text file."""

    name = "table"
    help = "table:FILE, a point on each line, its coordinates separated by blanks"
    value_range = None

    def __init__(self, argument=""):
        try:
            self.points = np.loadtxt(argument, ndmin=2)
        except (OSError, ValueError) as error:
            raise DataError(f"--data table:{argument}: {error}") from None
        self.shape = self.points.shape[1:]

    def load(self):
        return Values(self.points)


@hookimpl
def wganalyze_data():
    return [Table]
