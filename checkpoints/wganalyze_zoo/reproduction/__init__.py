"""``wganalyze claims``: the literature's claims put to reports, and to runs that are trained for them."""
