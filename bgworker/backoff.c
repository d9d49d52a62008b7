#include "backoff.h"

void
rig_backoff_reset(RigBackoff *backoff)
{
	backoff->failures = 0;
}

int64_t
rig_backoff_next(RigBackoff *backoff, double random)
{
	int64_t		delay = backoff->first_ms;

	for (int i = 0; i < backoff->failures && delay < backoff->limit_ms; i++)
		delay *= 2;
	if (delay > backoff->limit_ms)
		delay = backoff->limit_ms;
	if (backoff->failures < INT32_MAX)
		backoff->failures++;
	return (int64_t) ((double) delay * (0.75 + 0.5 * random));
}
