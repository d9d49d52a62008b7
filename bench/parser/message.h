/*
 * The message that every parser of this benchmark reads: 56 sensors of a drilling rig
 * with four decimals each, about 1400 bytes, different values in every message.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_SENSORS 56
#define MESSAGE_MAX_LENGTH 2048

#ifdef __cplusplus
extern "C"
{
#endif

extern const char *const message_sensor_names[MESSAGE_SENSORS];

/* Writes the index-th message of a stream and returns its length. */
extern size_t message_write(char *out, uint64_t seed, int index);

#ifdef __cplusplus
}
#endif

#endif
