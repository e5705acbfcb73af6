"""k-means against scikit-learn, and faiss where it is installed: time and inertia.

    python benchmarks/kmeans_speed.py [--clusters 10 100 1000] [--points 50000]

20 passes from the same random points as centres, Euclidean, float32 embeddings of 200
overlapping groups; the median of three calls after the first, which compiles, the
peers in turn. The target is within 2 times of the better peer. The seconds of a
k-means++ start, which no peer's time holds, stand apart.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.cluster import KMeans

from simulations.vision.clustering import kmeans

PASSES = 20
ROUNDS = 3


def _points(count: int, dimensions: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    means = rng.standard_normal((200, dimensions), dtype=np.float32)
    noise = rng.standard_normal((count, dimensions), dtype=np.float32)
    return means[rng.integers(200, size=count)] + 2 * noise


def _peers(points: np.ndarray, start: np.ndarray) -> dict:
    k = len(start)

    def ours():
        passes = {"max_iterations": PASSES, "tolerance": 0}
        return kmeans(points, k, key=0, centers=start, **passes).inertia

    def sklearn():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = KMeans(k, init=start, n_init=1, max_iter=PASSES, tol=0)
            return model.fit(points).inertia_

    peers = {"simulations.vision": ours, "scikit-learn": sklearn}
    try:
        import faiss
    except ImportError:
        return peers

    def by_faiss():
        options = {"niter": PASSES, "max_points_per_centroid": len(points)}
        model = faiss.Kmeans(points.shape[1], k, seed=0, **options)
        model.train(points, init_centroids=start)
        return float(model.index.search(points, 1)[0].sum())

    return peers | {"faiss": by_faiss}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=512)
    options = parser.parse_args()
    points = _points(options.points, options.dimensions)
    print(f"{options.points} x {options.dimensions}, {PASSES} passes")
    print("    k peer                seconds    ratio  inertia / ours")
    for k in options.clusters:
        start = points[np.random.default_rng(1).choice(len(points), k, replace=False)]
        peers = _peers(points, start)
        inertia = {name: call() for name, call in peers.items()}
        seconds = {name: [] for name in peers}
        for _ in range(ROUNDS):
            for name, call in peers.items():
                begin = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - begin)
        taken = {name: float(np.median(times)) for name, times in seconds.items()}
        best = min(time for name, time in taken.items() if "vision" not in name)
        for name, time_ in taken.items():
            relative = inertia[name] / inertia["simulations.vision"]
            print(f"{k:5d} {name:18} {time_:8.2f} {time_ / best:8.2f} {relative:10.4f}")
        once = {"max_iterations": 1, "key": 0}
        kmeans(points, k, **once)
        begin = time.perf_counter()
        kmeans(points, k, **once)
        both = time.perf_counter() - begin
        print(f"{k:5d} {'with k-means++':18} {both:8.2f}  one pass", flush=True)


if __name__ == "__main__":
    main()
