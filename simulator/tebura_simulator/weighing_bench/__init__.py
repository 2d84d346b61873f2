"""What the plates alone say: simulated counts straight into the real roles, compared with truth.

No gateway and no evidence of who it was. `playing` feeds the roles, `true_steps` says what really
happened, `matching` compares, `figures` and `calibration` sum up.
"""
