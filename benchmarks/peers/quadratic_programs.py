"""Hard-margin training by solvers of quadratic programs, called directly.

Each takes the signed examples X (P x N) and an accuracy, solves

    minimise |w|^2/2  with  X w >= 1

and returns (wall, CPU) seconds, w and the multipliers (None if it has none).  Seconds
count from arrays in the solver's own form to its result: building these, or a model of
CVXPY, is left out.
"""

import time
import warnings

import numpy as np
from scipy import sparse


def _timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def piqp(x, accuracy):
    import piqp

    count, dimension = x.shape
    solver = piqp.DenseSolver()
    for name in "eps_abs", "eps_rel", "eps_duality_gap_abs", "eps_duality_gap_rel":
        setattr(solver.settings, name, accuracy)
    one, zero, bound = np.eye(dimension), np.zeros(dimension), np.ones(count)

    def call():
        solver.setup(one, zero, None, None, x, bound, None, None, None)
        solver.solve()

    seconds, _ = _timed(call)
    return seconds, solver.result.x, solver.result.z_l


def daqp(x, accuracy):
    import daqp

    count, dimension = x.shape
    rows = np.ascontiguousarray(x)
    arguments = (
        np.eye(dimension),
        np.zeros(dimension),
        rows,
        np.full(count, 1e30),
        np.ones(count),
        np.zeros(count, dtype=np.int32),
    )
    seconds, (w, _, _, info) = _timed(lambda: daqp.solve(*arguments))
    return seconds, w, -info["lam"]


def quadprog(x, accuracy):
    import quadprog

    count, dimension = x.shape
    arguments = np.eye(dimension), np.zeros(dimension), x.T.copy(), np.ones(count)
    seconds, result = _timed(lambda: quadprog.solve_qp(*arguments))
    return seconds, result[0], result[4]


def qpax(x, accuracy):
    import jax
    import jax.numpy as jnp
    import qpax

    count, dimension = x.shape
    with jax.enable_x64(True):
        empty = jnp.zeros((0, dimension)), jnp.zeros(0)
        arguments = (
            jnp.eye(dimension), jnp.zeros(dimension), *empty,
            -jnp.asarray(x), -jnp.ones(count),
        )  # fmt: skip
        solve = jax.jit(lambda *a: qpax.solve_qp(*a, solver_tol=accuracy))
        compiled = _COMPILED.get(x.shape) or solve.lower(*arguments).compile()
        _COMPILED[x.shape] = compiled
        seconds, result = _timed(lambda: jax.block_until_ready(compiled(*arguments)))
    return seconds, np.asarray(result[0]), np.asarray(result[2])


_COMPILED = {}


def clarabel(x, accuracy):
    import clarabel

    count, dimension = x.shape
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    for name in "tol_gap_abs", "tol_gap_rel", "tol_feas":
        setattr(settings, name, accuracy)
    one, rows = sparse.eye(dimension, format="csc"), sparse.csc_matrix(-x)
    cones = [clarabel.NonnegativeConeT(count)]
    zero, bound = np.zeros(dimension), -np.ones(count)

    def call():
        return clarabel.DefaultSolver(one, zero, rows, bound, cones, settings).solve()

    seconds, result = _timed(call)
    return seconds, np.array(result.x), np.array(result.z)


def osqp(x, accuracy):
    import osqp

    count, dimension = x.shape
    one, rows = sparse.eye(dimension, format="csc"), sparse.csc_matrix(x)
    zero, low, high = np.zeros(dimension), np.ones(count), np.full(count, np.inf)
    options = {"eps_abs": accuracy, "eps_rel": accuracy, "max_iter": 20_000}

    def call():
        solver = osqp.OSQP()
        solver.setup(one, zero, rows, low, high, verbose=False, **options)
        return solver.solve(raise_error=False)

    seconds, result = _timed(call)
    return seconds, result.x, -result.y


def _through_cvxpy(x, name, **options):
    import cvxpy

    w = cvxpy.Variable(x.shape[1])
    margin = x @ w >= 1
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(w) / 2), [margin])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate end is seen in the gap
        data, chain, inverse = problem.get_problem_data(name, solver_opts=options)
        seconds, raw = _timed(
            lambda: chain.solve_via_data(problem, data, solver_opts=options)
        )
        problem.unpack_results(raw, chain, inverse)
    return seconds, w.value, margin.dual_value


def cvxpy_clarabel(x, accuracy):
    names = "tol_gap_abs", "tol_gap_rel", "tol_feas"
    return _through_cvxpy(x, "CLARABEL", **dict.fromkeys(names, accuracy))


def cvxpy_osqp(x, accuracy):
    options = {"eps_abs": accuracy, "eps_rel": accuracy, "max_iter": 20_000}
    return _through_cvxpy(x, "OSQP", **options)


def linear_svc(x, accuracy):
    from sklearn.svm import LinearSVC

    signs = np.where(np.arange(len(x)) % 2, 1.0, -1.0)
    model = LinearSVC(
        C=1e6, loss="hinge", fit_intercept=False, tol=accuracy, max_iter=20_000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it does not converge: see its gap
        seconds, _ = _timed(lambda: model.fit(signs[:, None] * x, signs))
    return seconds, model.coef_[0], None


# solver, and the most instances that its table entry is worth
PEERS = {
    "PIQP (dense)": (piqp, 64),
    "DAQP": (daqp, 64),
    "quadprog": (quadprog, 64),
    "qpax": (qpax, 16),
    "Clarabel": (clarabel, 8),
    "OSQP": (osqp, 4),
    "Clarabel by CVXPY": (cvxpy_clarabel, 4),
    "OSQP by CVXPY": (cvxpy_osqp, 4),
    "LinearSVC, C = 1e6": (linear_svc, 2),
}


def gap(x, w, multipliers, upper):
    """Relative duality gap as of max_margin; without multipliers that to ``upper``."""
    lower = (x @ w).min() / np.linalg.norm(w)
    if multipliers is not None:
        positive = np.maximum(multipliers, 0)
        upper = np.linalg.norm(positive @ x) / positive.sum()
    return 1 - lower / upper


def measure(name, sets, uppers, accuracy):
    """Wall and CPU seconds and gap of each set; fast solvers solve one before."""
    solve, most = PEERS[name]
    if most > 8:
        solve(sets[0], accuracy)
    rows = []
    for x, upper in zip(sets, uppers, strict=True):
        seconds, w, multipliers = solve(x, accuracy)
        rows.append((*seconds, gap(x, w, multipliers, upper)))
    return np.array(rows)
