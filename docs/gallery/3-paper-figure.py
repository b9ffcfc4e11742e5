"""Figures for a paper, each one call."""

# %% [markdown]
# # A figure for a paper
#
# Figures are matplotlib's own, styled for a column of a paper, and drawn from what the report holds: nothing is
# computed again. First a report, of a WGAN-GP on half of scikit-learn's digits.

# %%
import wganalyze
from wganalyze_zoo import train

train("wgan-gp", "digits:train", "ckpt", save_at=(50, 150, 300))
report = wganalyze.run("ckpt", data="digits:held-out", range=(-1, 1), n=64, replicates=5, out="report")

# %% [markdown]
# ## The distance over the steps, with its interval and its floor

# %%
report.plot.trajectory()

# %% [markdown]
# ## The critic's loss against the distance

# %%
report.plot.critic()

# %% [markdown]
# ## The bracket of the Lipschitz constant

# %%
report.plot.brackets()

# %% [markdown]
# ## Samples of the same z at every step

# %%
report.plot.samples()

# %% [markdown]
# ## Your own changes, and the file
#
# What comes back is a Figure with its axes.

# %%
figure = report.plot.trajectory()
figure.set_size_inches(3.3, 2.2)
figure.axes[0].set_title("WGAN-GP on digits")
figure.savefig("w1.pdf")
