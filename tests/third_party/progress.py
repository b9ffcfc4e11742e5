from wganalyze import Claim, Evident, NotMeasurable, Verdict, hookimpl


class Progress(Claim):
    """Does training help at all?"""

    name = "training-helps"
    statement = "Training brings samples nearer to the data"
    source = "everybody"
    needs = "runs with two snapshots or more, and exact-w"

    def judge(self, evidence):
        runs = [run for run in evidence.runs if len(evidence.series("exact-w.w1", run)) > 1]
        if not runs:
            raise NotMeasurable(f"needs {self.needs}")
        falls = [series.iloc[0] - series.iloc[-1] for series in (evidence.series("exact-w.w1", run) for run in runs)]
        share = sum(fall > 0 for fall in falls) / len(falls)
        answer = "supported" if share > 0.5 else "refuted"
        return Verdict(answer, f"W1 fell in {share:.0%} of {len(runs)} runs", (Evident("share", share),), len(runs))


@hookimpl
def wganalyze_claims():
    return [Progress]
