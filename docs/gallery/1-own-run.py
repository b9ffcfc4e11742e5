"""A training loop of one's own, and what wganalyze says of the checkpoints that it wrote."""

# %% [markdown]
# # Your own run
#
# A WGAN with gradient penalty on the ring of eight Gaussians, in plain PyTorch. First the networks, in a file:

# %%
from pathlib import Path

_ = Path("nets.py").write_text("""
from torch import nn


def generator():
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def critic():
    return nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
""")
# %% [markdown]
# Then the training. All that an analysis needs is that both networks are saved: most trainers throw the critic away.

# %%
import torch
from nets import critic, generator

torch.manual_seed(0)
torch.set_num_threads(1)


def ring(count):
    angle = torch.randint(8, (count,)) * torch.pi / 4
    return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * torch.randn(count, 2)


G, D = generator(), critic()
of_g = torch.optim.Adam(G.parameters(), 5e-4, (0.0, 0.9))
of_d = torch.optim.Adam(D.parameters(), 5e-4, (0.0, 0.9))
Path("ckpt").mkdir()
for step in range(1, 601):
    for _ in range(5):
        real, fake = ring(128), G(torch.randn(128, 8)).detach()
        between = (real + torch.rand(128, 1) * (fake - real)).requires_grad_()
        (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
        loss = D(fake).mean() - D(real).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
    of_g.zero_grad()
    (-D(G(torch.randn(128, 8))).mean()).backward()
    of_g.step()
    if step in (50, 200, 600):
        torch.save(G.state_dict(), f"ckpt/netG_{step}.pth")
        torch.save(D.state_dict(), f"ckpt/netD_{step}.pth")

# %% [markdown]
# ## The analysis
#
# A state dict says neither which network it belongs to nor what z is: `generator` and `critic` name what builds them,
# `latent_law` what the trainer drew. On the command line the same is
# `wganalyze run ckpt/ --data ring8 --generator nets.py:generator --critic nets.py:critic --latent-law normal`.

# %%
import wganalyze

report = wganalyze.run(
    "ckpt",
    data="ring8",
    generator="nets.py:generator",
    critic="nets.py:critic",
    latent_law="normal",
    n=256,
    replicates=5,
    out="report",
)

# %% [markdown]
# ## Is it any good?
#
# A report begins with its verdict on each run.

# %%
report

# %% [markdown]
# Every number is a row, with its interval, and with what it is worth:

# %%
rows = report.measurements
rows.loc[
    rows.metric.isin(["w1", "w1_floor", "dual_ratio"]), ["step", "metric", "value", "ci_low", "ci_high", "certificate"]
]

# %% [markdown]
# ## Which checkpoint is best?

# %%
report.best().frame[["snapshot", "value", "ci_low", "ci_high", "behind", "pvalue", "as_good"]]

# %% [markdown]
# ## What do the samples look like?
#
# On the plane, over the critic's contours:

# %%
report.plot.samples()
