from wganalyze import Analyzer, Headline, Measurement, Metric, Need, Picture, Sentence, hookimpl


class Contrast(Analyzer):
    """How far do the values of generated samples spread?"""

    name = "contrast"
    needs = frozenset({Need.FAKE})
    headline = Headline("contrast", "contrast: deviation of the values", interval=True)
    metrics = (Metric("contrast", "Standard deviation of all values.", direction="higher", headline=headline),)

    @classmethod
    def verdict(cls, run, evidence):
        yield Sentence(
            f"Its contrast is {evidence.row('contrast.contrast', run)['value']:.2f}.", evidence=("contrast",)
        )

    def measure(self, study):
        yield Measurement.of("contrast", study.estimate(lambda r: study.fake(replicate=r).points.std()), study)
        points = study.fake().points[:64].reshape(64, 1, 1, -1)
        yield Picture.of_grid("values", "The values of samples, one below the other.", points, columns=1, side=8)


@hookimpl
def wganalyze_analyzers():
    return [Contrast]
