#include "truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "options.h"

static FILE *file;

void
rig_truth_open(const char *path)
{
	if (path == NULL)
		return;
	file = fopen(path, "a");
	if (file == NULL)
	{
		fprintf(stderr, "rigalpha-sim: cannot write \"%s\": %s\n", path, strerror(errno));
		exit(RIG_EXIT_USAGE);
	}
}

void
rig_truth_write(const char *event, const char *machine, const RigFaults *faults, int kind, int64_t time_us)
{
	char sensors[512];
	char time[RIG_TIME_TEXT_SIZE];
	int length;

	if (file == NULL)
		return;
	rig_fault_sensors_json(faults, kind, sensors, sizeof(sensors));
	length = rig_clock_format(time, time_us, true);
	fprintf(file, "{\"event\":\"%s\",\"time\":\"%.*s\",\"machine\":%s,\"kind\":\"%s\",\"sensors\":%s}\n", event, length,
			time, machine, rig_fault_name(kind), sensors);
	fflush(file);
}

void
rig_truth_close(void)
{
	if (file != NULL)
		fclose(file);
	file = NULL;
}
