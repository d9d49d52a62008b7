"""What is asked of the product, in one place. The algorithm and its options are the same for all
data; only the false alarms that are accepted per reading differ, as the protocols of the data do."""

# 0.01: the published runs on SKAB put their thresholds near the .99 quantile of the training part,
# and the limits of TEP are those of a false alarm rate of 1 %.
SKAB_RATE = 0.01
TEP_RATE = 0.01

# Given by the task: one false alarm in a thousand readings.
SYNTHETIC_RATE = 0.001

# None = by the product's own setting, rigalpha.false_alarms_per_day.
NAB_RATE = None
TABULAR_RATE = None

# Readings of this risk are anomalies, by the definition of the risk.
ALARM_RISK = 0.8


def options(rate):
    return {} if rate is None else {"false_alarm_rate": rate}
