"""The networks that the reference trainers train; their keys say whose they are, so that they can be recognised."""

from wganalyze_zoo.networks.autoencoder import Autoencoder, DcganAutoencoder
from wganalyze_zoo.networks.centroids import CentroidGenerator
from wganalyze_zoo.networks.critic import Critic
from wganalyze_zoo.networks.dcgan import DcganCritic, DcganGenerator
from wganalyze_zoo.networks.minibatch import MinibatchDiscrimination
from wganalyze_zoo.networks.mlp import MlpCritic, MlpGenerator

__all__ = [
    "Autoencoder",
    "CentroidGenerator",
    "Critic",
    "DcganAutoencoder",
    "DcganCritic",
    "DcganGenerator",
    "MinibatchDiscrimination",
    "MlpCritic",
    "MlpGenerator",
]
