/*
 * Words for what a machine is doing and the codes that readings store. Codes 2 to 9 are the
 * activity codes of WITS record 1, item 0107.
 */
#ifndef RIG_STATE_WORDS_H
#define RIG_STATE_WORDS_H

#include <stdint.h>

#define RIG_STATE_UNKNOWN 0

/* Code of a word, in any ASCII case, with spaces, hyphens or underscores; RIG_STATE_UNKNOWN if it is none. */
extern int16_t rig_state_code(const char *word, int32_t length);

/* Word of a code; "unknown" for a code that is none. */
extern const char *rig_state_word(int16_t code);

#endif
