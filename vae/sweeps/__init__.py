"""Many runs that belong together: what is asked for, what is stored, Optuna's study, what drives it."""
