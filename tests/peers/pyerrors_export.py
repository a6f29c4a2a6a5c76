"""Runs pyerrors on an export of dmsq: python pyerrors_export.py EXPORT.json.gz OBSERVABLES.npz

Every observable has to come out with our value and error to 1e-10, and with our tau_int. From the means, pyerrors' own
gradient has to give chi2 of a chain exactly, and U_L, too, where ours is exact, else up to our symmetric differences,
that is, to a hundredth of its error.
"""
import sys

import numpy as np
import pyerrors as pe

read = pe.input.json.load_json_dict(sys.argv[1], verbose=False, full_output=True)
obs, about = read["obsdata"], read["description"]
ours = np.load(sys.argv[2])
worst = 0.0
for name, value, error, tau in zip(ours["names"], ours["values"], ours["errors"], ours["tau_int"]):
    name = name.decode()
    o = obs[name]
    o.gamma_method(S=about["S"])
    assert abs(o.value - value) <= 1e-10 * error, (name, o.value, value)
    assert not np.isnan(tau), (name, "the window does not close: no comparison")
    assert abs(o.dvalue / error - 1) < 1e-10, (name, o.dvalue, error)
    assert abs(o.e_tauint[about["node"]] / tau - 1) < 1e-10, (name, o.e_tauint, tau)
    worst = max(worst, abs(o.dvalue / error - 1))
    print(name, o.value, o.dvalue)

error = dict(zip((n.decode() for n in ours["names"]), ours["errors"]))
V = np.prod(about["lattice"])
chi2 = V * (obs["M2"] - obs["M"] ** 2)
U_L = 1 - obs["M4"] / (3 * obs["M2"] ** 2)
gamma = about["error_method"] == "gamma"
exact = "\ngradient=exact\n" in ours["recipe"].item().decode()
for name, o, tolerance in (("chi2", chi2, 1e-10 if gamma else 0.01),
                           ("U_L", U_L, 1e-10 if exact else 0.01 if gamma else 0.05)):
    o.gamma_method(S=about["S"])
    assert abs(o.dvalue / error[name] - 1) < tolerance, (name, o.dvalue, error[name])
print("%d observables, errors agree to %.1e" % (len(ours["names"]), worst))
