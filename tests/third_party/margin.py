from wganalyze import Analyzer, Measurement, Metric, Need, hookimpl


class Margin(Analyzer):
    """How much higher does the critic score real samples than generated ones, with BatchNorm as in training?"""

    name = "margin"
    needs = frozenset({Need.REAL, Need.FAKE, Need.SCORES})
    metrics = (Metric("margin", "Mean score, real less fake."), Metric("margin_floor", "The same of two real samples."))

    def measure(self, study):
        for metric, side, split in (("margin", study.fake, "x"), ("margin_floor", study.real, "x2")):
            pairs = [(study.real(replicate=r), side(replicate=r, split=split)) for r in range(study.replicates)]
            margins = [study.scores(x, "train").mean() - study.scores(y, "train").mean() for x, y in pairs]
            yield Measurement.of(metric, study.estimate(margins.__getitem__), study, mode="train")


@hookimpl
def wganalyze_analyzers():
    return [Margin]
