/*
 * Outcome of a core function. The core never exits, prints or jumps: it returns
 * one of these, and the caller decides what an error means in its world.
 */
#ifndef RIG_STATUS_H
#define RIG_STATUS_H

typedef enum RigStatus
{
	RIG_OK = 0,
	RIG_OUT_OF_MEMORY,
	RIG_INVALID_ARGUMENT,
	RIG_LIMIT_EXCEEDED,
	RIG_INTERRUPTED
} RigStatus;

#endif
