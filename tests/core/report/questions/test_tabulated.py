"""Tables as text: nothing of a name is taken for markup."""

from __future__ import annotations

from wganalyze.report.questions.tabulated import to_latex, to_markdown


def test_markdown() -> None:
    text = to_markdown(["a", "b"], [["x|y", "1"]], ["A note."])
    assert text == "| a | b |\n| --- | --- |\n| x\\|y | 1 |\n\nA note.\n"


def test_latex_escapes_names_and_sets_numbers() -> None:
    text = to_latex(["run", "p"], [["a_b & 5%", "-0.5 [-1.0, 2e-04]"], ["~^\\", ""]], ["n"])
    assert text.startswith("% n\n\\begin{tabular}{lr}\n\\toprule\nrun & p \\\\\n\\midrule\n")
    assert r"a\_b \& 5\% & $-0.5\;[-1.0, 2\times10^{-4}]$ \\" in text
    assert r"\textasciitilde{}\textasciicircum{}\textbackslash{} &  \\" in text
