"""What torch wrote: state dicts, whole networks, programs, and Lightning's checkpoints."""
