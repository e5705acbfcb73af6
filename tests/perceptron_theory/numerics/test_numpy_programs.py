"""Traced functions as NumPy programs, against XLA's programs of the same functions."""

import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import grad, lax, vmap

from perceptron_theory.numerics.in_numpy import NoNumpyForm, numpy_program
from perceptron_theory.numerics.in_numpy.primitives import ELEMENTWISE
from perceptron_theory.numerics.polynomials import polynomial

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
        made = jax.make_jaxpr(function)(*arguments)
        return numpy_program(made, [False] * len(made.in_avals))


def _check(function, *arguments, rtol=1e-13, atol=1e-14, forms=None):
    """The same results, in the same types, as XLA's."""
    program = _program(function, *(forms or arguments))
    found = program.function()(*jax.tree.leaves(arguments))
    with jax.enable_x64(True):
        right = jax.tree.map(np.asarray, jax.tree.leaves(jax.jit(function)(*arguments)))
    for own, other in zip(found, right, strict=True):
        assert (own.shape, own.dtype) == (other.shape, other.dtype)
        near = 1e-5 if own.dtype == "float32" else rtol
        np.testing.assert_allclose(own, other, near, atol)


INNER = {"add_any", "le_to", "lt_to"}  # which JAX offers only within its own functions


@pytest.mark.few(20)
@pytest.mark.parametrize("name", sorted({*ELEMENTWISE} - INNER))
def test_elementwise(name):
    """Of arrays, of numbers and of arrays that a single number stands for."""
    function = getattr(lax, name, None) or getattr(lax, f"bitwise_{name}")
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


@pytest.mark.few(6)
@pytest.mark.parametrize("function", ALONG + CUMULATIVE)
def test_along_axes(function):
    rows = [X, np.where(N == 2, np.nan, X), X.astype("float32"), X[:, :1]]
    rows += [N, N.astype("int32"), N.astype("uint8")] * (function != CUMULATIVE[-1])
    rows += [N > 0] * (function not in CUMULATIVE)
    ways = [partial(function, axis=0), partial(function, axis=1)]
    back = [partial(function, axis=1, reverse=True)] * (function in CUMULATIVE)
    ways += [vmap(ways[0]), *back]
    _check(lambda *x: [way(y) for way in ways for y in x], *rows)


_cond = jax.jit(lambda x: lax.cond(x[0] > 0.1, jnp.sin, jnp.cos, x))
_own = jax.custom_jvp(lambda x: jnp.sin(x) * 3.0)
_own.defjvps(lambda t, _, x: 2.0 * t * jnp.cos(x))  # not the derivative


def _until(x, bound=9.0):
    """Points take different numbers of rounds, in which values swap places."""
    step = lambda s: (s[0] * 2.0, s[2], s[1] + s[0], s[3] + 1)  # noqa: E731
    return lax.while_loop(lambda s: s[0] < bound, step, (abs(x) + 0.1, x, -x, 0))


def _nested(x):
    def body(i, total):
        inner = lax.fori_loop(0, i + 1, lambda j, t: t + jnp.sin(x + j), 0.0 * x)
        return jnp.where(_until(inner)[3] > 2, total + inner, 2.0 * total + x)

    return lax.fori_loop(1, 4, body, jnp.ones_like(x))


def _one_branch(x):
    """All points take the same branch, which makes some results differ and not all."""
    on = lambda k, y: (k + 2, -y)  # noqa: E731
    off = lambda k, y: (k + 1, y + k)  # noqa: E731
    step = lambda s: lax.cond(s[0] > 2, on, off, *s)  # noqa: E731
    go_on = lambda s: step(s)[0] < 9  # noqa: E731
    found = lax.fori_loop(0, 5, lambda _, s: step(s), (0, x))
    return found, lax.while_loop(go_on, step, (0, x))


def _under_more_axes(x):
    """What a row stands for is made full; the row's name is then another array's."""
    y = lax.reshape(lax.broadcast_in_dim(jnp.sin(x[0]), (3, 4), (1,)), (1, 3, 4))
    z = (x + 1.0) * x
    return y, (z * z) * 3.0, y + z, jnp.sum(y, axis=1)


def _scan(x, back=False):
    def step(carry, row):
        a, b = carry
        return (b, a + row[0].sum() * x[0, 0]), (row[0] * b, 3.0, row[1], row[2])

    xs = x, jnp.arange(len(x)), jnp.ones(x.shape)
    carry, (rows, threes, _, ones) = lax.scan(step, (1.0, x[1, 1]), xs, reverse=back)
    return carry, rows, threes, ones


def _calls(x):
    inner = jax.jit(lambda a, b: (a + 1.0, a * b))
    y, z = inner(x, jnp.exp(x))
    w = inner(z, jnp.cos(x))[1]
    return jax.jit(lambda a, b: _own(a))(y, jnp.tan(w)) + jax.checkpoint(jnp.tanh)(w)


F, HOW = [jnp.sin, jnp.cos, abs], ["set", "add", "multiply", "min"]
MODES, WAYS = (None, "clip"), [tuple(map(bool, n)) for n in np.ndindex(2, 2, 2)]
# of x = X, n = N, the indices i = AT, the matrices c = C and the right sides e = E
EXPRESSIONS = """
x[1:, ::2], x[::-1, 3:0:-2], x[:, 1], x[-1], x[:0], x[:0].sum(0), x[:, :0].prod(1), x[i]
[dynamic_slice(x, (j, j), (2, 2)) for j in i], dynamic_index_in_dim(x, i[2], 1), x[:, i]
[dynamic_update_slice(x, x[:2, :2] * 2.0, (j, -j)) for j in i], x[1, i], x[i, 1:3]
vmap(lambda x, j: dynamic_slice(x, (j,), (2,)))(x, i[:3]), x[i[:, None], i], x[i, i]
vmap(lambda x, j: dynamic_update_slice(x, x[:2], (j,)))(x, i[:3]), x[None, i[0]], tri(3)
arange(99.0)[i.astype("uint8")], arange(99).at[i.astype("int8")].add(1), tile(x, (2, 3))
vmap(vmap(lambda x, n: (x[n], x.at[n].set(n)), (0, None)), (None, 0))(x, n), flip(x)
[x.take(i, a, mode=m) for a in (0, 1, None) for m in ("fill", "clip", "wrap")], x @ x.T
[x.astype(t).take(i, 0, mode="fill") for t in ("int8", "uint8", "bool", "float32")]
[x.at[i].get(mode="fill", fill_value=v) for v in (7, -inf)], x.at[::2].set(0), eye(3)[i]
take_along_axis(x, n % 4, 1), take_along_axis(x, n, 0, mode="clip"), x.at[i, i].set(2)
[getattr(x.at[i], h)(v, mode=m) for h in HOW for v in (1, x[:1]) for m in MODES]
x.at[i[0], :2].set(x[0, :2]), x.at[:, i].add(1.0), (x > 0).at[i].set(True), median(x)
[lax.pad(x, x[0, 0], p) for p in (((1, 2, 0), (0, 0, 3)), ((-1, 2, 1), (2, -3, 2)))]
lax.pad(x, -1.0, ((-1, -1, 2), (-2, 0, 0))), pad(n, 1, constant_values=7), x[0] @ x[1]
lax.sort((n, x, -x), num_keys=1), lax.sort((n, x), dimension=0, num_keys=2), n @ n.T
vmap(lambda x, n: lax.sort((n, x), num_keys=1))(x, n), argsort(n, descending=True)
x[:, :0] @ x[:0], c @ e, einsum("bij,bjk->kbi", c, e), einsum("bij,cij->bc", c, c)
inv(c[1]), det(c), lu(c), lu(c[0, :, :2]), lu(c[0, :2]), solve(c[0], e[0]), _cond(x[0])
solve(c[0], c[0, 0]), solve(ones((2, 2)), arange(2.0)), vmap(solve)(c, e), _cond(-x[0])
vmap(solve)(c, c[:, 0]), vmap(solve, (0, None))(c, c[0]), solve(c.at[1, 2].set(nan), e)
vmap(jacfwd(solve))(c, e), vmap(jacrev(solve))(c, e), vmap(_cond)(x), _until(x[0, 0]), x
cholesky(c @ c.mT), cholesky(c[0] @ c[0].T), cholesky(-c), cholesky(c * nan), x * 2.0
[triangular_solve(c[0], c[1], left_side=s, lower=l, transpose_a=t) for s, l, t in WAYS]
[triangular_solve(c[0], e[1].T, lower=l, unit_diagonal=u) for _, l, u in WAYS[:4]], 2.5
[triangular_solve(a, e[1], left_side=True) for a in (c[0], c[1].T)]
top_k(x, 2), top_k(n, 3), vmap(lambda x: top_k(x, 1))(x), top_k(1.0 / x, 0), cholesky(c)
top_k(array([2.0, nan, 2.0, 1.0, 2.0, nan]), 5), top_k(n[0] % 2, 4), top_k(-n[1] % 2, 3)
[triangular_solve(c, c, left_side=s, lower=l, transpose_a=t) for s, l, t in WAYS], 1.5
[triangular_solve(c, e.mT, lower=l, unit_diagonal=u) for _, l, u in WAYS[:4]], _scan(x)
[switch(j, F, x) for j in i], vmap(lambda x, j: switch(j, F, x))(x, i[:3]), _calls(x), x
reduce_precision(x, 11, 52), vmap(lambda b: vmap(_until, (0, None))(x[0], b))(9 * x[1])
[select_n(m.astype("int32"), x, -x, 2 * x) for m in (abs(n) % 3, i[0] % 3)], n, True, -2
vmap(lambda x: while_loop(lambda y: y.sum() < 9, lambda y: y * y + 1, x))(x), inf, nan
_nested(x[0, 0]), vmap(vmap(_nested))(x), _scan(x, True), vmap(_scan)(c), np.arange(3.0)
jvp(_calls, (x,), (x + 1.0,)), grad(lambda x: x[i % 3].prod())(x), zeros((2, 0)), -0.0
grad(lambda x: _calls(x).sum() + _scan(x)[1].sum() + _cond(x[0]).sum())(x), False, n**3
hessian(lambda x: (cumsum(x) ** 3).sum() + x.max() * x[1:].prod())(x[0]), sin(0.1), x**n
x * -2, x + inf, where(x > 0, nan, -inf), n * -3, float32(x) * 0.1, ones(3) / zeros(3)
-ones(3, int) // 2, [where(n > 1, t(9), t(0)) * t(2) for t in (int8, float32)], x**-3
[y.astype(t) for y in (exp(99 * x), n, n / 0, x[0, 0], n > 1) for t in ELEMENTS], x**0
int8(n) ** 7, uint8(n) - 9, int32(n[0, 1]) * 2**30, x**11, n // (n - 1), (x * 2).round()
int32(n * 2**30).sum(dtype=int32), fori_loop(0, 3, lambda i, y: y + x, zeros((3, 4)))
full((3, 4), x[0, 0]).sum(1), concatenate([full((1, 4), x[0, 1]), ones((2, 4)) * x[0]])
full((3, 4), x[0, 0]).reshape(4, 3), full((1, 1), x[0, 0]).squeeze(), sin(x) + sin(x)
broadcast_to(x[:, None], (3, 2, 4)).transpose(2, 0, 1), (ones((3, 4)) * x[0]).ravel()
broadcast_to(x[:, :1], (2, 3, 4)).sum(0), cumsum(full(3, x[0, 0])), roll(x, 1, 0)
[scan(lambda c, y: (c + y, y), x[0], y) for y in (ones((3, 4)), ones((3, 4)) * x[0])]
optimization_barrier((x, n)), stack([x, -x], 1), stack([x[0, 0], 1]), split(x, 2, 1)
_one_branch(x), _under_more_axes(x), searchsorted(sort(x.ravel()), append(x, nan) + 0.1)
interp(x, arange(4.0) - 2.0, arange(4.0) ** 2), digitize(x, array([-0.0, 0.3, nan]))"""
NAMES = vars(jax) | vars(lax) | vars(jnp.linalg) | vars(lax.linalg) | vars(jnp)
NAMES |= globals()


@pytest.mark.few(20)
@pytest.mark.parametrize("expression", EXPRESSIONS.strip().split("\n"))
def test_expressions(expression):
    _check(eval(f"lambda x, n, i, c, e: ({expression})", NAMES), X, N, AT, C, E)


STEPS = """
sin(y); y[::-1]; y.T.reshape(3, 4); abs(y); full((3, 4), y[0, 1]); y @ y.T @ y; _own(y);
ones((3, 4)) * y.mean(0); cumsum(y, 1) / 4; sort(y, 0); where(y > 0, y[0], -0.5);
y.at[AT].add(0.5); y[:, AT[:4]]; y + exp(-y); y[0] - 1 / (1 + y * y); vmap(_cond)(y);
vmap(vmap(_until))(y)[0]; _calls(y)"""
JOINED = """
f(g(y)) - 0.5 * g(y); where(f(y) > 0.2, g(y), y); lax.cond(y[0, 0] > 0.1, f, g, y);
fori_loop(0, 2, lambda i, z: f(z) / 2 + i * g(y), y); jvp(f, (y,), (g(y),))[1];
scan(lambda z, r: (g(z), f(z)[0] * r), f(y), y)[1]; jit(lambda a, b: f(a))(y, g(y));
while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[2], g(s[1])), (1, y, y))[1]"""


def _random(rng, depth):
    if depth == 0:
        return eval(f"lambda y: ({rng.choice(STEPS.split(';'))})", NAMES)
    f, g = _random(rng, depth - 1), _random(rng, depth - 1)
    join = eval(f"lambda f, g, y: ({rng.choice(JOINED.split(';'))})", NAMES)
    return lambda y: jnp.tanh(join(f, g, y))


@pytest.mark.few(4)
@pytest.mark.parametrize("seed", range(50))
def test_random_compositions(seed):
    """Of one point, or of any number of points: one program does for all numbers."""
    rng = np.random.default_rng(seed)
    function, many = _random(rng, 1 + seed % 3), rng.normal(size=(4, 3, 4))
    check = partial(_check, rtol=1e-11, atol=1e-13)
    check(function, many[0])
    _many(function, many, rtol=1e-11, atol=1e-13)
    _many(function, many[:1], rtol=1e-11, atol=1e-13)


def _many(function, *arguments, flags=None, rtol=1e-13, atol=1e-14):
    flags = flags or [True] * len(arguments)
    one = [x[0] if f else x for x, f in zip(arguments, flags, strict=True)]
    with jax.enable_x64(True):
        program = numpy_program(jax.make_jaxpr(function)(*one), flags)
        mapped = jax.jit(vmap(function, [0 if f else None for f in flags]))
        right = jax.tree.map(np.asarray, jax.tree.leaves(mapped(*arguments)))
    found = program.function()(*arguments)
    for own, other in zip(found, right, strict=True):
        assert (own.shape, own.dtype) == (other.shape, other.dtype)
        near = 1e-5 if own.dtype == "float32" else rtol
        np.testing.assert_allclose(own, other, near, atol)


FLAGS = [(1, 0, 1, 0, 0), (1, 1, 1, 1, 1), (0, 0, 1, 0, 0), (0, 1, 0, 1, 0)]
FLAGS[1:] = [pytest.param(flags, marks=pytest.mark.slow) for flags in FLAGS[1:]]


@pytest.mark.few(20)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("expression", EXPRESSIONS.strip().split("\n"))
def test_expressions_of_many(expression, flags):
    rng = np.random.default_rng(5)
    values = X, N, AT, C, E
    mixed = [rng.permutation(x.ravel()).reshape(x.shape) for x in values]
    several = [np.stack([x, y, x[::-1]]) for x, y in zip(values, mixed, strict=True)]
    several[3] = np.stack([C, C[::-1], C + 0.3])
    args = [s if f else x for s, x, f in zip(several, values, flags, strict=True)]
    function = eval(f"lambda x, n, i, c, e: ({expression})", NAMES)
    _many(function, *args, flags=list(map(bool, flags)))


UNKNOWN = """
jnp.fft.fft(x); jax.random.normal(jax.random.key(0), (4,)) * x; eigh(x @ x.T); x * 1j;
x.astype("float16"); n << 1; n**12; reduce_precision(x, 8, 7); lax.round(x);
scan(lambda c, y: (c + y, 2.0 * y), 0.0, x[:0, 0]); reduce_max(x[:0], (0,));
reduce_and(n, (0,)); lax.dot(int8(n), int8(n.T), preferred_element_type=int32);
x.at[0].apply(sin); (x, jax.debug.print("{}", x)); slogdet(x[:, :3])"""


@pytest.mark.parametrize("expression", UNKNOWN.split(";"))
def test_what_has_no_form_says_so(expression):
    with pytest.raises(NoNumpyForm):
        _program(eval(f"lambda x, n: ({expression})", NAMES), X, N)


@pytest.mark.parametrize("function", [jnp.sin, jnp.sum, lambda x: lax.cumsum(x, 0)])
def test_unknown_parameters_have_no_form(function):
    traced = jax.make_jaxpr(lambda x: function(x))(X)
    traced.jaxpr.eqns[0].params["new"] = 1
    with pytest.raises(NoNumpyForm):
        numpy_program(traced, [False])


def test_programs_can_be_pickled_and_give_results_of_their_own():
    program = _program(lambda x: (_calls(x), x, np.arange(3.0), jnp.ones(3), x[:2]), X)
    again, given = pickle.loads(pickle.dumps(program)).function(), X.copy()
    for result in again(given):
        result[...] = 7.0
    assert all(map(np.array_equal, again(given), program.function()(X)))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (400,), (0,)])
def test_polynomial(count, shape):
    series = (0.3, 0.01, 0.2, 0.1, 0.05, 0.4, 0.2, 0.3, 0.7)[:count]
    function, x = partial(polynomial, series[::-1]), RNG.uniform(0.0, 1.0, shape)
    slopes = lambda y: (function(y), vmap(grad(function))(y.ravel()))  # noqa: E731
    _check(lambda y: (slopes(y), function(y.astype("float32"))), x)
    found, slope = _program(slopes, x).function()(x)
    np.testing.assert_allclose(found, np.polyval(series, x), 1e-14)
    np.testing.assert_allclose(slope, np.polyval(np.polyder(series), x.ravel()), 1e-14)
