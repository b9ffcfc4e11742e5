"""Two settings with three training seeds each, and what can be said of their difference."""

# %% [markdown]
# # Two settings over seeds
#
# Is a gradient penalty better than clipping? One run of each cannot say: another seed may turn it round. Here are three
# of each, small, on the ring of eight Gaussians. Folders are named by setting and seed.

# %%
import wganalyze
from wganalyze_zoo import train

for seed in range(3):
    for method in ("wgan", "wgan-gp"):
        train(method, "ring8", f"ckpt/{method}/seed={seed}", save_at=(100, 400), seed=seed, width=32)

asked = ["exact-w", "critic-gap", "lipschitz"]
report = wganalyze.run("ckpt", data="ring8", only=asked, n=128, replicates=5, out="report")
report.summary[["snapshot", "w1", "w1_ci_low", "w1_ci_high", "dual_ratio", "lipschitz_lower"]]

# %% [markdown]
# ## Is one better?
#
# `groups` says which part of the name is the seed. The unit is then the training seed: intervals say what another seed
# may give, not what other samples of the same checkpoints may. Both settings have the same seeds and the same samples,
# so that differences are paired.

# %%
answer = wganalyze.compare([report], groups=["*/seed=*"])
difference = ["difference", "difference_low", "difference_high", "pvalue_holm", "verdict"]
answer.frame[["metric", "run", "count", "value", *difference]]

# %%
for note in answer.notes:
    print(note)

# %% [markdown]
# ## In a paper
#
# The same as a table: `--format latex` or `--format markdown` on the command line.

# %%
# !python -m wganalyze compare report --group '*/seed=*' --metric w1 --metric lipschitz_lower --format latex

# %% [markdown]
# ## All curves

# %%
report.plot.trajectory()
