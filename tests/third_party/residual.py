"""Nets of one residual block: "lift" to its width, "mix" added to what it is given, "drop" to what is asked."""

from wganalyze import Architecture, hookimpl

KEYS = {"lift.weight", "lift.bias", "mix.weight", "drop.weight"}


class Residual(Architecture):
    """x to drop(h + mix(relu(h))), h = lift(x)."""

    name = "residual"

    def build(self, inputs, width, outputs):
        from torch import nn  # only here: to list plugins takes no torch

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.lift = nn.Linear(inputs, width)
                self.mix = nn.Linear(width, width, bias=False)
                self.drop = nn.Linear(width, outputs, bias=False)

            def forward(self, x):
                h = self.lift(x)
                return self.drop(h + self.mix(h.relu()))

        return Net()

    def recognise(self, keys):
        if {*keys} != KEYS or any(len(keys[name]) != 2 for name in KEYS if name != "lift.bias"):
            return None
        (width, inputs), outputs = keys["lift.weight"], keys["drop.weight"][0]
        fits = {"lift.bias": (width,), "mix.weight": (width, width), "drop.weight": (outputs, width)}
        return {"inputs": inputs, "width": width, "outputs": outputs} if keys.items() >= fits.items() else None


@hookimpl
def wganalyze_architectures():
    return [Residual]
