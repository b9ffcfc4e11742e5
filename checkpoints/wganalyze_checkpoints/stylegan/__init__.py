"""NVIDIA's StyleGAN pickles."""
