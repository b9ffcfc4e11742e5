"""An analyzer of one's own: written, installed, and shown as the built-in ones are."""

# %% [markdown]
# # An analyzer of your own
#
# How far do generated samples spread? The answer is to stand in every report beside the built-in numbers, with a
# verdict and a picture. That takes one class and one entry point. `wganalyze new-plugin contrast` writes such a package
# with tests; here is the least one.

# %%
from pathlib import Path

folder = Path("wganalyze-contrast")
folder.mkdir()
(folder / "contrast.py").write_text('''
from wganalyze import Analyzer, Headline, Measurement, Metric, Need, Picture, Sentence, hookimpl


class Contrast(Analyzer):
    """How far do the values of generated samples spread?"""

    name = "contrast"
    needs = frozenset({Need.FAKE})
    headline = Headline("contrast", "contrast: deviation of the values", interval=True)
    metrics = (Metric("contrast", "Standard deviation of all values.", direction="higher", headline=headline),)

    @classmethod
    def verdict(cls, run, evidence):
        row = evidence.row("contrast.contrast", run)
        yield Sentence(f"Its contrast is {row['value']:.2f}.", evidence=("contrast",))

    def measure(self, study):
        yield Measurement.of("contrast", study.estimate(lambda r: study.fake(replicate=r).points.std()), study)
        points = study.fake().points[:64].reshape(64, 1, 8, 8)
        yield Picture.of_grid("contrast", "Generated samples.", points, columns=16, side=8)


@hookimpl
def wganalyze_analyzers():
    return [Contrast]
''')
(folder / "pyproject.toml").write_text("""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "wganalyze-contrast"
version = "0.1"

[project.entry-points.wganalyze]
contrast = "contrast"

[tool.hatch.build.targets.wheel]
include = ["contrast.py"]
""")
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# Installed as anything is (here into a folder of its own, and without the network):

# %%
import os
import sys

# !python -m pip install --quiet --no-deps --no-build-isolation --no-index --target site ./wganalyze-contrast
sys.path.insert(0, "site")
os.environ["PYTHONPATH"] = "site"
# !python -m wganalyze plugins contrast

# %% [markdown]
# ## It runs with the others

# %%
import wganalyze
from wganalyze_zoo import train

train("wgan-gp", "digits:train", "ckpt", save_at=(50, 150, 300))
asked = ["exact-w", "contrast"]
report = wganalyze.run("ckpt", data="digits:held-out", range=(-1, 1), only=asked, n=64, replicates=5, out="report")
report

# %% [markdown]
# ## And answers questions
#
# Its metric says which way is better, so that `best`, `compare` and `check` take it:

# %%
report.best(by="contrast").frame[["snapshot", "value", "ci_low", "ci_high", "pvalue", "as_good"]]

# %%
# !python -m wganalyze check report 'contrast > 0.5'

# %% [markdown]
# Its curve and its picture are drawn by what it declared:

# %%
report.plot.trajectory()

# %%
from IPython.display import Image

Image(report.pictures.query("name == 'contrast'").png.iloc[-1], width=560)
