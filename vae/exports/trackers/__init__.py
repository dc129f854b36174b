"""Runs and sweeps, told to where people keep their experiments: MLflow, TensorBoard. Both packages are optional."""
