#include "state_words.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct
{
	int16_t		code;
	const char *word;
}			state_words[] = {
	{RIG_STATE_UNKNOWN, "unknown"},
	{1, "running"},
	{2, "drilling"},
	{3, "connection"},
	{4, "reaming"},
	{5, "hole opening"},
	{6, "coring"},
	{7, "circulating"},
	{8, "trip in"},
	{9, "trip out"},
	{10, "tripping"},
	{20, "idle"},
	{21, "stopped"},
	{22, "maintenance"},
	{23, "fault"},
	{24, "starting"},
};

#define STATE_WORD_COUNT (sizeof(state_words) / sizeof(state_words[0]))

static bool
equals_loosely(const char *word, const char *text, int32_t length)
{
	for (int32_t i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		else if (c == '_' || c == '-')
			c = ' ';
		if (c != word[i])
			return false;
	}
	return word[length] == '\0';
}

int16_t
rig_state_code(const char *word, int32_t length)
{
	for (size_t i = 0; i < STATE_WORD_COUNT; i++)
		if ((size_t) length <= strlen(state_words[i].word) && equals_loosely(state_words[i].word, word, length))
			return state_words[i].code;
	return RIG_STATE_UNKNOWN;
}

const char *
rig_state_word(int16_t code)
{
	for (size_t i = 0; i < STATE_WORD_COUNT; i++)
		if (state_words[i].code == code)
			return state_words[i].word;
	return state_words[0].word;
}
