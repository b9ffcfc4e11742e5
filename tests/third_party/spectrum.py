import numpy as np

from wganalyze import Embedding, NotMeasurable, hookimpl


class Spectrum(Embedding):
    """Amplitudes of the Fourier transform: blur and noise are far from the data, a moved image is near."""

    name = "spectrum"
    help = "amplitudes of the Fourier transform of images"

    def fit(self, study):
        if len(study.real().shape) < 2:
            raise NotMeasurable("--space spectrum: the data are no images")
        self.note = "orthonormal"

    def embed(self, samples):
        images = samples.points.reshape(-1, *samples.shape)
        return np.abs(np.fft.fft2(images, norm="ortho")).reshape(len(images), -1)


@hookimpl
def wganalyze_embeddings():
    return [Spectrum]
