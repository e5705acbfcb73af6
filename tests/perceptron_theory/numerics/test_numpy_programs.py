"""Traced functions as NumPy programs, against XLA's programs of the same functions."""

import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import grad, lax, vmap

from perceptron_theory.numerics.numpy_primitives import ELEMENTWISE
from perceptron_theory.numerics.numpy_programs import NoNumpyForm, numpy_program
from perceptron_theory.numerics.polynomial import polynomial

RNG = np.random.default_rng(3)
X, N = RNG.normal(size=(3, 4)), np.array([[2, -7, 0, 5], [0, 2, 2, 9], [1, 1, 1, -1]])
AT = np.array([2, -1, 7, 0, -9, 2])  # indices, some of them out of bounds
C, E = RNG.normal(size=(5, 3, 3)) + 3.0 * np.eye(3), RNG.normal(size=(5, 3, 2))
FLOATS = [np.nan, np.inf, 0.0, 0.3, 1.0, 2.5, 30.0, 1e-9, 1e-30, 1e10, 1e30]
FLOATS += [-x for x in FLOATS]
WHOLE = [0, 1, -1, 3, -7, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
ELEMENTS = {"float32": FLOATS, "float64": [*FLOATS, 1e300], "int32": WHOLE[:7]}
ELEMENTS |= {"int64": WHOLE, "uint8": [0, 1, 7, 255], "bool": [False, True]}


def _program(function, *arguments):
    with jax.enable_x64(True):
        return numpy_program(jax.make_jaxpr(function)(*arguments))


def _check(function, *arguments, rtol=1e-13, atol=1e-14, forms=None):
    """The same results, in the same types, as XLA's."""
    program = _program(function, *(forms or arguments))
    found = program.function()(*jax.tree.leaves(arguments))
    with jax.enable_x64(True):
        right = jax.tree.map(np.asarray, jax.tree.leaves(jax.jit(function)(*arguments)))
    for own, other in zip(found, right, strict=True):
        assert (own.shape, own.dtype) == (other.shape, other.dtype)
        own_rtol = 1e-5 if own.dtype == np.float32 else rtol
        np.testing.assert_allclose(own, other, own_rtol, atol)


@pytest.mark.parametrize("name", sorted({*ELEMENTWISE} - {"add_any"}))
def test_elementwise(name):
    """Of arrays, of numbers and of arrays that a single number stands for."""
    bitwise = name in ("and", "or", "xor", "not")
    function = getattr(lax, f"bitwise_{name}" if bitwise else name)
    count = sum(f"{{{i}}}" in ELEMENTWISE[name] for i in range(3))

    def ways(*x):
        one = [y[-2] for y in x]
        return function(*x), function(*one), function(*map(jnp.full_like, x, one))

    known = []
    for dtype, values in ELEMENTS.items():
        grid = np.meshgrid(*[np.array(values, dtype)] * count)
        try:
            jax.eval_shape(ways, *grid)
        except TypeError:  # JAX has no such operation
            continue
        if (name, dtype) != ("clamp", "bool"):  # XLA has not that one
            # to XLA the smallest numbers are zero
            _check(ways, *grid, atol=1e-37 if dtype == "float32" else 1e-307)
            known.append(dtype)
    assert known


ALONG = [jnp.sum, jnp.prod, jnp.max, jnp.min, jnp.any, jnp.all, jnp.mean, jnp.sort]
ALONG += [jnp.argmax, jnp.argmin, jnp.argsort, jnp.cumsum, jnp.cumprod]
CUMULATIVE = [lax.cumsum, lax.cumprod, lax.cummax, lax.cummin, lax.cumlogsumexp]


@pytest.mark.parametrize("function", ALONG + CUMULATIVE)
def test_along_axes(function):
    rows = [X, np.where(N == 2, np.nan, X), X.astype("float32"), X[:, :1]]
    rows += [N, N.astype("int32"), N.astype("uint8")] * (function != CUMULATIVE[-1])
    rows += [N > 0] * (function not in CUMULATIVE)
    _check(lambda *x: [[function(y, axis=a) for a in (0, 1)] for y in x], *rows)
    _check(lambda *x: [vmap(partial(function, axis=0))(y) for y in x], *rows)
    if function in CUMULATIVE:
        _check(lambda *x: [function(y, axis=1, reverse=True) for y in x], *rows)


def _cond(x):
    return lax.cond(x[0] > 0.1, jnp.sin, jnp.cos, x)


def _until(x, bound=9.0):
    """Points take different numbers of rounds, in which values swap places."""
    step = lambda s: (s[0] * 2.0, s[2], s[1] + s[0], s[3] + 1)  # noqa: E731
    return lax.while_loop(lambda s: s[0] < bound, step, (abs(x) + 0.1, x, -x, 0))


def _nested(x):
    def body(i, total):
        inner = lax.fori_loop(0, i + 1, lambda j, t: t + jnp.sin(x + j), 0.0 * x)
        return jnp.where(_until(inner)[3] > 2, total + inner, 2.0 * total + x)

    return lax.fori_loop(1, 4, body, jnp.ones_like(x))


def _scan(x, back=False):
    def step(carry, row):
        a, b = carry
        return (b, a + row[0].sum() * x[0, 0]), (row[0] * b, 3.0, row[1], row[2])

    xs = x, jnp.arange(len(x)), jnp.ones(x.shape)
    carry, (rows, threes, _, ones) = lax.scan(step, (1.0, x[1, 1]), xs, reverse=back)
    return carry, rows, threes, ones


_own = jax.custom_jvp(lambda x: jnp.sin(x) * 3.0)
_own.defjvps(lambda t, _, x: 2.0 * t * jnp.cos(x))  # not the derivative


def _calls(x):
    inner = jax.jit(lambda a, b: (a + 1.0, a * b))
    y, z = inner(x, jnp.exp(x))
    w = inner(z, jnp.cos(x))[1]
    return jax.jit(lambda a, b: _own(a))(y, jnp.tan(w)) + jax.checkpoint(jnp.tanh)(w)


def _kept(x):
    y, z = jnp.sin(x[1]), jnp.cos(x[2])
    return _nested(x[0, 0]) * y + z, _until(z[0])[0] + y[0], _cond(z) - y


# of x = X, n = N, the indices i = AT, the matrices c = C and the right sides e = E
NAMES = vars(jnp) | vars(jnp.linalg) | vars(lax.linalg) | globals()
NAMES |= {"WAYS": [jnp.sin, jnp.cos, lambda y: y], "BOTH": (True, False)}
EXPRESSIONS = """
x[1:, ::2], x[::-1, 3:0:-2], x[:, 1], x[-1], x[:0], x[:0].sum(0), x[:, :0].prod(1), x[i]
[lax.dynamic_slice(x, (j, j), (2, 2)) for j in i], lax.dynamic_index_in_dim(x, i[2], 1)
[lax.dynamic_update_slice(x, x[:2, :2] * 2.0, (j, -j)) for j in i], x[1, i], x[i, 1:3]
vmap(lambda x, j: lax.dynamic_slice(x, (j,), (2,)))(x, i[:3]), x[i[:, None], i], x[:, i]
vmap(lambda x, j: lax.dynamic_update_slice(x, x[:2], (j,)))(x, i[:3]), x[None, i[0]]
arange(99.0)[i.astype("uint8")], arange(99).at[i.astype("int8")].add(1), x[i, i], eye(3)[i]
vmap(vmap(lambda x, n: (x[n], x.at[n].set(n), x.at[n].add(2.0)), (0, None)), (None, 0))(x, n)
[x.take(i, a, mode=m) for a in (0, 1, None) for m in ("fill", "clip", "wrap")]
[x.astype(t).take(i, 0, mode="fill") for t in ("int8", "uint8", "bool", "float32")]
[x.at[i].get(mode="fill", fill_value=v) for v in (7, -inf)], x.at[i].min(0.1)
take_along_axis(x, n % 4, 1), take_along_axis(x, n, 0, mode="clip"), (x > 0).at[i].set(True)
[x.at[i].set(v, mode=m) for v in (0.5, x[:1]) for m in (None, "clip")], x.at[i, i].set(2)
[x.at[i].add(v, mode=m) for v in (0.5, x[:1]) for m in (None, "clip")], x.at[i].max(x[:1])
[x.at[i].multiply(v, mode=m) for v in (0.5, x[:1]) for m in (None, "clip")], tri(3)
x.at[i[0], :2].set(x[0, :2]), x.at[:, i].add(1.0), x.at[1:, 0].mul(3.0), x.at[::2].set(0)
[lax.pad(x, x[0, 0], p) for p in (((1, 2, 0), (0, 0, 3)), ((-1, 2, 1), (2, -3, 2)))]
lax.pad(x, -1.0, ((-1, -1, 2), (-2, 0, 0))), jnp.pad(n, 1, constant_values=7), x[:0] @ x.T
lax.sort((n, x, -x), num_keys=1), lax.sort((n, x), dimension=0, num_keys=2), median(x)
vmap(lambda x, n: lax.sort((n, x), num_keys=1))(x, n), argsort(n, descending=True)
x @ x.T, x[0] @ x[1], tensordot(x, x, 2), x[:, :0] @ x[:0], n @ n.T, c @ e, trace(c)
einsum("bij,bjk->kbi", c, e), einsum("bij,cij->bc", c, c), inv(c[1]), det(c), lu(c)
solve(c[0], e[0]), solve(c[0], c[0, 0]), solve(ones((2, 2)), arange(2.0)), lu(c[0, :, :2])
vmap(solve)(c, e), vmap(solve)(c, c[:, 0]), vmap(solve, (0, None))(c, c[0]), lu(c[0, :2])
[triangular_solve(c, e, left_side=True, lower=l, transpose_a=t) for l in BOTH for t in BOTH]
[triangular_solve(c, e.mT, lower=l, transpose_a=t) for l in BOTH for t in BOTH]
[triangular_solve(c, c, lower=l, unit_diagonal=True) for l in BOTH]
solve(c.at[1, 2].set(nan), e), _cond(x[0]), _cond(-x[0]), vmap(_cond)(x), vmap(_cond, 1)(x)
[lax.switch(j, WAYS, x) for j in i], vmap(lambda x, j: lax.switch(j, WAYS, x))(x, i[:3])
[lax.select_n(m.astype("int32"), x, -x, 2 * x) for m in (abs(n) % 3, i[0] % 3)]
_until(x[0, 0]), vmap(vmap(_until))(x), vmap(lambda b: vmap(_until, (0, None))(x[0], b))(x[1])
vmap(lambda x: lax.while_loop(lambda y: y.sum() < 9, lambda y: y * y + 1, x))(x)
_nested(x[0, 0]), vmap(vmap(_nested))(x), _kept(x), vmap(_kept)(c)
_scan(x), _scan(x, True), vmap(_scan)(c), vmap(partial(_scan, back=True))(c)
_calls(x), jax.jvp(_calls, (x,), (x + 1.0,)), grad(lambda x: x[i % 3].prod())(x)
grad(lambda x: _calls(x).sum() + _scan(x)[1].sum() + _cond(x[0]).sum())(x)
vmap(jax.jacfwd(solve))(c, e[:, :, 0]), vmap(jax.jacrev(solve))(c, e[:, :, 0])
jax.hessian(lambda x: (cumsum(x) ** 3).sum() + jnp.max(x) * x[1:].prod())(x[0])
1.5, np.arange(3.0), x, x, n, True, zeros((2, 0)), -2, inf, nan, -0.0, -1, False, sin(0.1)
x * -2, x + inf, where(x > 0, nan, -inf), n * -3, x.astype("f4") * 0.1, ones(3) / zeros(3)
-ones(3, int) // 2, full(2, True) & False, [where(n > 1, t(9), t(0)) * t(2) for t in (int8, float32)]
[y.astype(t) for y in (exp(99 * x), n, n / 0, x[0, 0], n > 1) for t in ELEMENTS], n**3
(1e3 * x).astype("int8"), (-1e30 * x).astype("uint64"), n[0, 1].astype("uint8"), x**n, x**0
n.astype("int8") ** 7, n.astype("uint8") - 9, n[0, 1].astype("int32") * 2**30, x**-3, x**11
(n.astype("int32") * 2**30).sum(dtype="int32"), n // (n - 1), full((3, 4), x[0, 0]).sum(1)
concatenate([full((1, 4), x[0, 1]), ones((2, 4)) * x[0]]), full((3, 4), x[0, 0]).reshape(4, 3)
broadcast_to(x[:, :1], (2, 3, 4)).sum(0), cumsum(full(3, x[0, 0])), (x * 0 + x[:1]).reshape(12)
broadcast_to(x[:, None], (3, 2, 4)).transpose(2, 0, 1), full((1, 1), x[0, 0]).squeeze(), flip(x)
lax.fori_loop(0, 3, lambda i, y: y + x, zeros((3, 4))), x[:1, :1].reshape(()), sin(x) + sin(x)
[lax.scan(lambda c, y: (c + y, y), x[0], 0 * x + y) for y in (1.0, x[0], x[:, :1])]
lax.scan(lambda c, y: (c, y), 0, x[:1]), lax.optimization_barrier((x, x + 1.0)), tile(x, (2, 3))
lax.reduce_precision(x, 11, 52), jnp.round(x * 2), stack([x, -x], 1), stack([x[0, 0], x[1, 1]])
jnp.split(x, (1, 3), 1), roll(x, 1, 0), repeat(x, 2, 0), sort(x) + sort(x), linspace(0, x[0], 5)
"""


@pytest.mark.parametrize("expression", EXPRESSIONS.strip().split("\n"))
def test_expressions(expression):
    _check(eval(f"lambda x, n, i, c, e: ({expression})", NAMES), X, N, AT, C, E)


STEPS = """
sin(y); y[::-1]; y.T.reshape(3, 4); abs(y); full((3, 4), y[0, 1]); y @ y.T @ y; _own(y)
; ones((3, 4)) * y.mean(0); cumsum(y, 1) / 4; sort(y, 0); where(y > 0, y[0], -0.5); tanh(y)
; y.at[AT].add(0.5); y[:, AT[:4]]; y + exp(-y); y[0] - 1 / (1 + y * y); vmap(_cond)(y)
; vmap(vmap(_until))(y)[0]; _calls(y)
"""
JOINED = """
f(g(y)) - 0.5 * g(y); where(f(y) > 0.2, g(y), y); lax.cond(y[0, 0] > 0.1, f, g, y)
; lax.fori_loop(0, 2, lambda i, z: f(z) / 2 + i * g(y), y); jax.jvp(f, (y,), (g(y),))[1]
; lax.scan(lambda z, r: (g(z), f(z)[0] * r), f(y), y)[1]
; jax.jit(lambda a, b: f(a) + f(y))(y, g(y)); lax.while_loop(lambda s: s[0] < y[0, 0],
lambda s: (s[0] + 1, g(s[2]), s[1]), (-1.0, y, f(y)))[1]
"""


def _random(rng, depth):
    """A function of three rows of four numbers."""
    if depth == 0:
        return eval(f"lambda y: ({rng.choice(STEPS.split(';'))})", NAMES)
    f, g = _random(rng, depth - 1), _random(rng, depth - 1)
    join = eval(f"lambda f, g, y: ({rng.choice(JOINED.split(';'))})", NAMES)
    return lambda y: jnp.tanh(join(f, g, y))


@pytest.mark.parametrize("seed", range(50))
def test_random_compositions(seed):
    """Of one point, or of any number of points: one program does for all numbers."""
    rng = np.random.default_rng(seed)
    function, many = _random(rng, 1 + seed % 3), rng.normal(size=(4, 3, 4))
    check = partial(_check, rtol=1e-11, atol=1e-13)
    if seed % 2:
        return check(function, many[0])
    shape = jax.export.symbolic_shape("n, 3, 4", constraints=["n >= 2"])
    for points in many, many[:1]:
        check(vmap(function), points, forms=[jax.ShapeDtypeStruct(shape, many.dtype)])


UNKNOWN = """
jnp.fft.fft(x); jax.random.normal(jax.random.key(0), (4,)) * x; eigh(x @ x.T); x * 1j
; x.astype("float16"); n << 1; n**12; lax.reduce_precision(x, 8, 7); lax.round(x)
; lax.scan(lambda c, y: (c + y, 2.0 * y), 0.0, x[:0, 0]); lax.reduce_max(x[:0], (0,))
; lax.dot(n.astype(int8), n.T.astype(int8), preferred_element_type=int32)
; lax.reduce_and(n, (0,)); x.at[0].apply(sin); (x, jax.debug.print("{}", x))
"""


@pytest.mark.parametrize("expression", UNKNOWN.split(";"))
def test_what_has_no_form_says_so(expression):
    with pytest.raises(NoNumpyForm):
        _program(eval(f"lambda x, n: ({expression})", NAMES), X, N)


@pytest.mark.parametrize("function", [jnp.sin, jnp.sum, jnp.transpose, jnp.cumsum])
def test_unknown_parameters_have_no_form(function):
    traced = jax.make_jaxpr(function)(X[0])
    (first, *rest) = traced.eqns

    def with_parameter(value):
        changed = [first.replace(params=first.params | {"new": value}), *rest]
        return traced.replace(jaxpr=traced.jaxpr.replace(eqns=changed))

    numpy_program(with_parameter(None))
    with pytest.raises(NoNumpyForm):
        numpy_program(with_parameter(1))


def test_programs_can_be_pickled_and_give_results_of_their_own():
    program = _program(lambda x: (*_kept(x), x, np.arange(3.0), jnp.ones(3), x[:2]), X)
    again, given = pickle.loads(pickle.dumps(program)).function(), X.copy()
    first = program.function()(X)
    for _ in range(2):
        found = again(given)
        assert all(map(np.array_equal, found, first))
        for result in found:
            result[...] = 7.0


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (400,), (0,)])
def test_polynomial(count, shape):
    series = (0.7, 0.3, 0.2, 0.4, 0.05, 0.1, 0.2, 0.01, 0.3)[:count]
    function = partial(polynomial, series)
    x, slopes = RNG.uniform(0.0, 1.0, shape), vmap(grad(function))
    _check(lambda y: (function(y), slopes(y.ravel()), function(y.astype("float32"))), x)
    found, slope = _program(lambda y: (function(y), slopes(y.ravel())), x).function()(x)
    np.testing.assert_allclose(found, np.polyval(series[::-1], x), rtol=1e-14)
    right = np.polyval(np.polyder(series[::-1]), x.ravel())
    np.testing.assert_allclose(slope, right, rtol=1e-14)
