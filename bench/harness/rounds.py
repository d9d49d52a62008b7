"""Rounds of several contenders in turn, so that the noise of the machine meets all of them."""
import statistics


def interleave(contenders, rounds, warm_up=1):
    """Calls each contender once per round; contenders maps a name to a function that returns a
    figure. Returns the figures of each by name, without those of the warm-up rounds."""
    figures = {name: [] for name in contenders}
    for turn in range(warm_up + rounds):
        for name, run in contenders.items():
            figure = run()
            if turn >= warm_up:
                figures[name].append(figure)
    return figures


def median(figures):
    return statistics.median(figures)


def percentile(sorted_figures, share):
    return sorted_figures[min(len(sorted_figures) - 1, int(share * len(sorted_figures)))]
