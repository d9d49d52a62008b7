/*
 * Interned names: each distinct byte string gets a dense id, counted from 0 in the
 * order of its first use, so that later stages index arrays instead of comparing text.
 */
#ifndef RIG_NAMES_H
#define RIG_NAMES_H

#include <stdint.h>

#include "arena.h"
#include "status.h"

#define RIG_NAMES_NONE (-1)

typedef struct RigNames RigNames;

/* A table whose memory comes from arena, which must outlive it; NULL when out of memory. */
extern RigNames *rig_names_create(RigArena *arena);

/* Id of the name, added if it is new; RIG_NAMES_NONE when out of memory. */
extern int32_t rig_names_intern(RigNames *names, const char *text, int32_t length);

/* Id of the name, or RIG_NAMES_NONE. */
extern int32_t rig_names_find(const RigNames *names, const char *text, int32_t length);

/* Text of an id (not NUL-terminated) and its length; valid as long as the arena. */
extern const char *rig_names_text(const RigNames *names, int32_t id, int32_t *length);

extern int32_t rig_names_count(const RigNames *names);

#endif
